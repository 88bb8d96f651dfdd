"""The demo's player: where the clock stands, and buttons that let it run on."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from dashboard import state, text
from service import context
from service.views import DemoView

ZONE = "America/New_York"
STEPS = {"1 week": timedelta(weeks=1), "4 weeks": timedelta(weeks=4)}


def player() -> None:
    """Draw the player when this process serves the demo; nothing otherwise."""
    running = context.demo()
    if running is not None:
        # only while it plays: a refresh that was due when the page is left can blank the browser
        st.fragment(_player, run_every=1.0 if running.state()["playing"] else None)(running)


def _player(running: context.DemoPlayer) -> None:
    view: DemoView = running.state()
    was_playing = st.session_state.get("_demo_playing", False)
    st.session_state["_demo_playing"] = view["playing"]
    if was_playing and not view["playing"]:
        st.rerun()
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small", key="demo_player"):
        st.badge("Demo", color="violet")
        st.markdown(f"The clock stands at **{text.moment(view['clock'], ZONE, year=True)}**", width="content")
        if view["playing"]:
            _progress(view)
        else:
            _buttons(running, view)


def _progress(view: DemoView) -> None:
    left = "" if view["eta_seconds"] is None else f", about {max(1, round(view['eta_seconds']))} s left"
    st.progress(
        min(1.0, max(0.0, view["progress"])),
        text=f"Playing to {text.day(view['until'], ZONE)}: {text.plain(view['step'], 100)}{left}",
    )


def _buttons(running: context.DemoPlayer, view: DemoView) -> None:
    clock, end = datetime.fromisoformat(view["clock"]), datetime.fromisoformat(view["end"])
    st.space("stretch")
    if clock >= end:
        st.caption("The year is over. `driftdeck demo` on a new home begins again.", width="content")
        return
    st.caption("Play on", width="content")
    for label, step in STEPS.items():
        if st.button(label, icon=":material/skip_next:", key=f"demo_{label}", **state.barred("operator")):
            _play(running, min(end, clock + step))
    if st.button("End of the year", icon=":material/last_page:", key="demo_end", **state.barred("operator")):
        _play(running, end)


def _play(running: context.DemoPlayer, until: datetime) -> None:
    if state.may("operator"):  # asked here too: a browser may say that a disabled button was clicked
        running.play(until.isoformat())
        st.rerun()
