"""Silences: the dialog that makes one, and the list of those there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from dashboard import registry, state, text
from dashboard.components import data_words, health
from service.alert_views import SilenceView
from service.views import AlertView, ModelView
from service.workspace import WorkspaceError

LENGTHS = {
    "4h": ("4 hours", timedelta(hours=4)),
    "1d": ("1 day", timedelta(days=1)),
    "3d": ("3 days", timedelta(days=3)),
    "1w": ("1 week", timedelta(weeks=1)),
    "4w": ("4 weeks", timedelta(weeks=4)),
}
_STATES: dict[str, tuple[str, health.Colour]] = {
    "active": ("◌ Active", "blue"),
    "waiting": ("○ To come", "gray"),
    "over": ("✓ Over", "gray"),
}
_ANY = "any"


@st.dialog("Silence this alert", width="medium", icon=":material/notifications_paused:")
def of_alert(alert: AlertView, timezone: str) -> None:
    """Ask how long and why, then silence one alert."""
    st.markdown("Nobody is told while it is silenced. It goes on being judged, and speaks again when the time is over.")
    ends, comment = terms(timezone)
    if st.button("Silence", type="primary", key="silence_confirm", disabled=not comment.strip()):
        _act(ends, comment, alert_id=alert["id"], model=alert["model"])


@st.dialog("Silence alerts", width="medium", icon=":material/notifications_paused:")
def of_many(models: Sequence[ModelView]) -> None:
    """Ask which alerts, how long and why; alerts that open meanwhile are silenced too."""
    st.markdown("Everything that matches is silenced, also what opens meanwhile. It goes on being judged.")
    names = {"*": "every model", **{model["name"]: text.clean(model["name"], 60) for model in models}}
    kinds = {_ANY: "any kind", **health.KIND}
    severities = {_ANY: "any severity", **{name: word for name, (word, _) in list(health.HEALTH.items())[:3]}}
    with st.container(horizontal=True, gap="small"):
        model = st.selectbox("Model", list(names), format_func=names.__getitem__, key="silence_model")
        kind = st.selectbox("Kind", list(kinds), format_func=kinds.__getitem__, key="silence_kind")
        severity = st.selectbox(
            "Severity", list(severities), format_func=severities.__getitem__, key="silence_severity"
        )
    column = st.text_input(
        "Column (optional)", key="silence_column", max_chars=200, placeholder="a name, or a pattern such as wind_*"
    )
    zone = next((view["timezone"] for view in models if view["name"] == model), "UTC")
    ends, comment = terms(zone)
    if st.button("Silence", type="primary", key="silence_confirm", disabled=not comment.strip()):
        _act(
            ends,
            comment,
            model=model,
            kind=None if kind == _ANY else kind,
            severity=None if severity == _ANY else severity,
            column=column.strip() or None,
        )


def terms(timezone: str) -> tuple[datetime, str]:
    """Return until when, and why."""
    chosen = st.segmented_control(
        "For how long",
        list(LENGTHS),
        format_func=lambda name: LENGTHS[name][0],
        default="1d",
        required=True,
        key="silence_length",
    )
    now = data_words.clock(state.workspace())
    if now is None:
        st.error("What time it is for the workspace is not known: it does not answer.", icon=":material/error:")
        st.stop()
    ends = datetime.fromisoformat(now) + LENGTHS[str(chosen)][1]
    st.caption(f"Until {text.moment(ends.isoformat(), timezone, year=True)} ({text.plain(timezone)})")
    comment = st.text_input(
        "Why (needed)", key="silence_comment", max_chars=500, placeholder="What is known, and who works on it: for whoever wonders later"
    )  # fmt: skip
    return ends, comment


def _act(ends: datetime, comment: str, **which: Any) -> None:
    asked = {name: value for name, value in which.items() if value is not None}
    try:
        state.workspace().silence(ends=ends, comment=comment, actor=state.actor(), **asked)
    except WorkspaceError as error:
        st.error(text.plain(error, 600), icon=":material/error:")
    else:
        st.rerun()


def listed(silences: Sequence[SilenceView], timezones: dict[str, str]) -> None:
    """Draw the silences there are, each with a way to end it."""
    for position, view in enumerate(silences):
        zone = timezones.get(view["model"], "UTC")
        with (
            st.container(border=True, gap="xsmall", key=f"silence_{position}"),
            st.container(horizontal=True, vertical_alignment="center", gap="small"),
        ):
            health.badge(_STATES, view["state"])
            st.markdown(f"**{_what(view)}** until {text.moment(view['ends'], zone)}", width="content")
            who = f"maintenance {view['maintenance']}" if view["maintenance"] else view["actor"]
            st.markdown(f":gray[{text.plain(who, 60)}: {text.plain(view['comment'] or 'no reason given', 200)}]")
            st.space("stretch")
            for alert in view["alerts"][:3]:
                registry.link(f"#{text.plain(alert)}", "alert", alert=alert)
            if view["state"] != "over" and not view["maintenance"]:
                st.button(
                    "End it",
                    key=f"unsilence_{view['id']}",
                    on_click=_end,
                    args=(view["id"],),
                    **state.barred("operator"),
                )


def _end(silence_id: str) -> None:
    try:
        state.workspace().unsilence(silence_id, actor=state.actor())
    except WorkspaceError as error:
        st.toast(text.plain(error, 300), icon=":material/error:")


def _what(view: SilenceView) -> str:
    """Return what is silenced, in words; escaped."""
    if view["alert_id"]:
        return f"Alert #{text.plain(view['alert_id'], 40)} of {text.plain(view['model'], 60)}"
    parts = [
        "every model" if view["model"] == "*" else text.plain(view["model"], 60),
        *([health.KIND.get(view["kind"], text.plain(view["kind"], 40))] if view["kind"] else []),
        *([text.plain(view["severity"], 20)] if view["severity"] else []),
        *([f"column {text.plain(view['column'], 60)}"] if view["column"] else []),
        *([f"inside {text.plain(view['segment'], 60)}"] if view["segment"] else []),
    ]
    return ", ".join(parts)
