"""Channels: whom alerts reach, whether they get through, a test, and messages that were given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import state, text
from dashboard.components import alert_care, errors, health
from service.alert_views import ChannelView
from service.workspace import WorkspaceError

_STATES: dict[str, tuple[str, health.Colour]] = {
    "ok": ("✓ Gets through", "green"),
    "failed": ("▲ Does not get through", "red"),
    "waiting": ("◔ Sending", "blue"),
    "new": ("○ Nothing sent yet", "gray"),
}
_TOLD = "_channel_tests"
LATEST = 30  # messages


def draw(channels: Sequence[ChannelView]) -> None:
    """Draw each channel with its test button, then messages that were given up."""
    for position, view in enumerate(channels):
        with st.container(border=True, gap="xsmall", key=f"channel_{position}"):
            _channel(view)
    with errors.in_words():
        _failed()


def _state(view: ChannelView) -> str:
    if view["failed"] or (view["last_error"] and not view["waiting"]):
        return "failed"
    return "waiting" if view["waiting"] else "ok" if view["last_sent"] else "new"


def _channel(view: ChannelView) -> None:
    name = text.plain(view["name"], 60)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        health.badge(_STATES, _state(view))
        st.markdown(
            f"**{name}** :gray[{text.plain(view['kind'], 20)} · {text.plain(view['place'], 80)}]", width="content"
        )
        if view["declared_in"] == "file":
            st.badge("from file", icon=":material/lock:", color="gray")
        st.space("stretch")
        st.button(
            "Send a test",
            icon=":material/send:",
            key=f"test_{view['name']}",
            on_click=_test,
            args=(view["name"],),
            **state.barred("operator"),
        )
    st.markdown(_terms(view))
    if view["last_error"]:
        st.caption(f"Latest error: {text.plain(view['last_error'], 300)}")
    told: dict[str, Any] = st.session_state.get(_TOLD, {})
    if outcome := told.get(view["name"]):
        if outcome["ok"]:
            st.success(
                f"The test message was taken, in {text.number(outcome['seconds'], 's')}.", icon=":material/check:"
            )
        else:
            st.error(text.plain(outcome["error"], 400), icon=":material/error:")


def _terms(view: ChannelView) -> str:
    """Return what is sent there, in words."""
    if view["heartbeat"] and not view["severity"]:
        return f"Called every {text.plain(text.window_word(view['heartbeat']), 20)} while all is well; its silence means that Driftdeck is dead."
    words = " and ".join(health.words(health.HEALTH, name) for name in view["severity"]) or "nothing"
    models = "" if view["models"] == ["*"] else f" of {', '.join(text.plain(name, 40) for name in view['models'])}"
    kinds = (
        f", only {', '.join(health.KIND.get(kind, text.plain(kind)) for kind in view['kinds'])}"
        if view["kinds"]
        else ""
    )
    said = f"At once: {words}{models}{kinds}."
    if view["renotify"]:
        said += f" Told again every {text.plain(text.window_word(view['renotify']), 20)} while nobody took it."
    if view["digest"]:
        due = f", next {text.moment(view['next_digest'])}" if view["next_digest"] else ""
        said += f" Digest of the rest: {text.plain(text.schedule(view['digest']), 40)}{due}."
    summary = view.get("summary")
    if summary:
        said += f" The week in one message: {text.plain(text.schedule(summary), 40)}."
    return said


def _test(name: str) -> None:
    told = st.session_state.setdefault(_TOLD, {})
    try:
        told[name] = state.workspace().test_channel(name, actor=state.actor())
    except WorkspaceError as error:
        told[name] = {"ok": False, "error": str(error), "seconds": 0.0}


def _failed() -> None:
    found = state.workspace().deliveries(state="failed", limit=LATEST)
    if not found:
        return
    st.header(f"{text.plural(len(found), 'message was', 'messages were')} given up", anchor=False)
    with st.container(border=True, gap="xsmall", key="dead_letters"):
        for view in found:
            alert_care.message(view, "UTC", key="channels")
