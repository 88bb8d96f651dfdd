"""The list of alerts, a page of it: a click on a cell opens one, ticked rows are acknowledged or silenced together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import registry, state, text
from dashboard.components import alert_filters, alert_words, export, health, paging, silence
from service.views import AlertView, ModelView
from service.workspace import WorkspaceError

PAGE_SIZE = 25
_HEADLINE = 110  # letters of a headline; the alert's page has all of it
_KEPT = ("show", *alert_filters.NAMES, "at")


def draw(alerts: Sequence[AlertView], models: Mapping[str, ModelView]) -> None:
    """Draw one page of alerts, in the order given."""
    pages = max(1, -(-len(alerts) // PAGE_SIZE))
    number = paging.number("at", pages)
    shown = list(alerts[(number - 1) * PAGE_SIZE : number * PAGE_SIZE])
    key = f"alerts_{state.param('show', 'open')}_{number}_{abs(hash(tuple(a['id'] for a in shown)))}"
    event = st.dataframe(
        pd.DataFrame([row(alert, models) for alert in shown]),
        hide_index=True,
        height="content",
        row_height=36,
        placeholder=text.MISSING,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key=key,
        alt=f"{text.plural(len(alerts), 'alert')}, firing first. A click opens one, ticks choose several.",
        column_config=_columns(),
    )
    selection: Any = event["selection"]
    if selection.get("cells"):
        _open(shown[selection["cells"][0][0]])
    ticked = [shown[place] for place in selection.get("rows", [])]
    _beneath(alerts, shown, ticked, models)
    paging.draw("at", number, pages, f"{text.plural(len(alerts), 'alert')}, {PAGE_SIZE} a page")


def _open(alert: AlertView) -> None:
    kept = {name: state.param(name) or None for name in _KEPT}  # so that Back finds them in the address
    registry.go("alert", alert=alert["id"], **kept)


def _columns() -> dict[str, Any]:
    return {
        "Severity": health.column("Severity", health.HEALTH),
        "State": column_config.TextColumn("State", width=88),
        "Alert": column_config.TextColumn("Alert", width=340),
        "Since": column_config.TextColumn("Since", width=92),
        "For": column_config.TextColumn("For", width=66),
        "Gates": column_config.MultiselectColumn(
            "Gates open", options=list(alert_words.GATES), color=["gray", "blue", "red"], width=195
        ),
        "Model": column_config.TextColumn("Model", width=110),
        "Kind": column_config.TextColumn("Kind", width=100),
        "Owner": column_config.TextColumn("Owner", width=115),
    }


def row(alert: AlertView, models: Mapping[str, ModelView]) -> dict[str, Any]:
    """Return the cells of one alert; colour is left to severity and gates."""
    owner = alert_filters.owner_of(alert, models)
    follows = " (follows another)" if alert.get("inhibited_by") else ""
    return {
        "Severity": [health.words(health.HEALTH, alert["severity"])],
        "State": health.words(health.ALERT_STATE, alert["state"]),
        "Alert": text.clean(alert["headline"], _HEADLINE) + follows,
        "Model": text.clean(alert["model"], 40),
        "Since": text.day(alert["window_start"], models[alert["model"]]["timezone"], year=True),
        "For": alert_words.duration(alert, models[alert["model"]]),
        "Gates": [name for name, open_ in alert_words.passed(alert).items() if open_],
        "Kind": alert_words.kinds(alert, health.KIND),
        "Owner": text.clean(owner, 40) if owner else None,
    }


def _beneath(
    alerts: Sequence[AlertView],
    shown: Sequence[AlertView],
    ticked: Sequence[AlertView],
    models: Mapping[str, ModelView],
) -> None:
    """Draw what can be done with ticked rows, the way to an alert without a mouse, and the export."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="alerts_actions"):
        if ticked:
            barred = state.why_not("operator")
            waiting = [alert for alert in ticked if alert["state"] not in ("acknowledged", "resolved")]
            quiet = [alert for alert in ticked if alert["state"] not in ("silenced", "resolved")]
            done = barred or (None if waiting else "All of these are acknowledged or resolved already")
            st.button(
                f"Acknowledge {len(waiting)}",
                type="primary",
                icon=":material/front_hand:",
                disabled=bool(done),
                help=done,
                key="acknowledge_ticked",
                on_click=acknowledge,
                args=([alert["id"] for alert in waiting],),
            )
            hushed = barred or (None if quiet else "All of these are silenced or resolved already")
            label = f"Silence {len(quiet)}…"
            if st.button(
                label, icon=":material/notifications_paused:", disabled=bool(hushed), help=hushed, key="silence_ticked"
            ):
                silence_ticked(quiet, models[quiet[0]["model"]]["timezone"])
        else:
            st.caption("Firing first. A click opens an alert; tick several to act on them together.", width="content")
        st.space("stretch")
        _without_a_mouse(shown)
        export.table([_plainly(alert, models) for alert in alerts], name="alerts", key="alerts_table")


def _without_a_mouse(shown: Sequence[AlertView]) -> None:
    names = {alert["id"]: f"{alert['severity']}: {text.clean(alert['headline'], 60)}" for alert in shown}
    chosen = st.selectbox(
        "Open an alert",
        list(names),
        index=None,
        format_func=names.__getitem__,
        placeholder="Open an alert…",
        label_visibility="collapsed",
        width=220,
        key="open_alert",
    )
    if chosen:
        _open(next(alert for alert in shown if alert["id"] == chosen))


def _plainly(alert: AlertView, models: Mapping[str, ModelView]) -> dict[str, Any]:
    """Return an alert as one line of a file: moments whole, gates one by one."""
    return {
        "id": alert["id"],
        "severity": alert["severity"],
        "state": alert["state"],
        "alert": alert["headline"],
        "message": alert["message"],
        "since": alert["window_start"],
        "opened": alert["opened_at"],
        "resolved": alert["resolved_at"],
        **alert_words.passed(alert),
        "model": alert["model"],
        "kind": alert["kind"],
        "column": alert["column"],
        "segment": alert["segment"],
        "owner": alert_filters.owner_of(alert, models),
    }


def acknowledge(ids: Sequence[str]) -> None:
    """Acknowledge alerts one by one; what cannot be done is told, the rest is done."""
    failed: list[str] = []
    for alert in ids:
        try:
            state.workspace().acknowledge(alert, actor=state.actor(), comment="")
        except WorkspaceError as error:
            failed.append(str(error))
    if failed:
        st.toast(text.plain("; ".join(failed), 400), icon=":material/error:")
    if len(ids) > len(failed):
        st.toast(f"{text.plural(len(ids) - len(failed), 'alert')} acknowledged.", icon=":material/front_hand:")


@st.dialog("Silence these alerts", width="medium", icon=":material/notifications_paused:")
def silence_ticked(alerts: Sequence[AlertView], timezone: str) -> None:
    """Ask how long and why, then silence each of them."""
    st.markdown(
        f"Nobody is told of these {text.plural(len(alerts), 'alert')} while they are silenced. They go on being judged, and speak again "
        "when the time is over."
    )
    for alert in alerts[:5]:
        st.caption(f"{text.plain(alert['model'], 40)}: {text.plain(alert['headline'], 100)}")
    if len(alerts) > 5:
        st.caption(f"and {len(alerts) - 5} more")
    ends, comment = silence.terms(timezone)
    if st.button("Silence", type="primary", key="silence_confirm", disabled=not comment.strip()):
        _silence_each(alerts, ends, comment)


def _silence_each(alerts: Sequence[AlertView], ends: datetime, comment: str) -> None:
    for alert in alerts:
        try:
            state.workspace().silence(
                ends=ends, comment=comment, alert_id=alert["id"], model=alert["model"], actor=state.actor()
            )
        except WorkspaceError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
            return
    st.rerun()
