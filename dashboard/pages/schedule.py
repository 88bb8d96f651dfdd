"""Schedule: what happens by itself, whether it did, when it does next, and a button that does it now."""

from __future__ import annotations

import streamlit as st

from dashboard import state, text
from dashboard.components import data_words, errors, export, first_steps, header, health, paging, run_table
from dashboard.registry import Page
from service.alert_views import ModelRunView, ScheduleEntry
from service.workspace import WorkspaceError

REFRESH, WHILE_RUNNING = 30.0, 1.0  # seconds
LATEST = 200  # runs
_AT_ONCE = 15  # schedules on a page
_KINDS = {
    "monitor": (":material/monitoring:", "Monitor"),
    "source": (":material/input:", "Source"),
    "digest": (":material/summarize:", "Digest"),
    "heartbeat": (":material/favorite:", "Heartbeat"),
    "retrain": (":material/model_training:", "Retraining"),
    "maintenance": (":material/construction:", "Maintenance"),
}
_STATES: dict[str, tuple[str, health.Colour]] = {
    "ok": ("✓ OK", "green"),
    "failed": ("▲ Failed", "red"),
    "late": ("◆ Late", "orange"),
    "running": ("▷ Running", "blue"),
    "waiting": ("○ Waiting", "gray"),
}
_WIDTHS = [1.1, 3.2, 2.2, 2.2, 1.3]
_LINE = '<div style="border-top: 1px solid; opacity: 0.15"></div>'


def render() -> None:
    """Draw the page; while something runs it is looked at every second."""
    with errors.in_words():
        ws = state.workspace()
        running = any(view["state"] == "running" for view in ws.runs(limit=LATEST))
        st.fragment(_live, run_every=WHILE_RUNNING if running else REFRESH)(running)


def _live(running: bool) -> None:  # noqa: FBT001 - what the page was drawn with
    with errors.in_words():
        ws = state.workspace()
        runs = ws.runs(limit=LATEST)
        if any(view["state"] == "running" for view in runs) != running:
            st.rerun()
        _draw(ws.schedule(), runs)


def _draw(entries: list[ScheduleEntry], runs: list[ModelRunView]) -> None:
    ws = state.workspace()
    zones = {model["name"]: model["timezone"] for model in ws.models()}
    header.title(_title(entries))
    if not entries:
        st.markdown("Monitors and sources appear here once they are declared: `driftdeck apply driftdeck.toml`.")
        first_steps.button("schedule_setup")
        return
    run_table.under_way(runs, zones)
    now = data_words.system_clock(ws)
    busy = {view["model"] for view in runs if view["state"] == "running"}
    ranked = sorted(enumerate(entries), key=lambda one: _state(one[1]) not in ("late", "failed"))  # else as they come
    pages = max(1, -(-len(ranked) // _AT_ONCE))
    page = paging.number("entries", pages)
    with st.container(border=True, gap="xsmall", key="schedule"):
        for cell, head in zip(st.columns(_WIDTHS, wrap=False), ("State", "What", "Last", "Next", ""), strict=True):
            cell.caption(head)
        for position, entry in ranked[(page - 1) * _AT_ONCE : page * _AT_ONCE]:
            st.html(_LINE)
            _entry(entry, now, busy, position)
        paging.draw("entries", page, pages, text.plural(len(ranked), "schedule"))
    export.foot(entries, name="schedule", key="schedule_rows")
    st.header("Latest runs of monitors", anchor=False)
    run_table.table(runs, zones, key="latest_runs")


def _title(entries: list[ScheduleEntry]) -> str:
    late = sum(_state(entry) in ("late", "failed") for entry in entries)
    if not entries:
        return "Nothing is scheduled yet"
    return f"{late} of {text.plural(len(entries), 'schedule')} needs a look" if late == 1 else (
        f"{late} of {len(entries)} schedules need a look" if late else "Everything ran when it should"
    )  # fmt: skip


def _state(entry: ScheduleEntry) -> str:
    return "late" if entry["late"] else entry["last_state"] or "waiting"


def _entry(entry: ScheduleEntry, now: str | None, busy: set[str], position: int) -> None:
    badge, what, last, upcoming, act = st.columns(_WIDTHS, wrap=False)
    zone = entry["timezone"]
    with badge:
        health.badge(_STATES, "running" if entry["kind"] == "monitor" and entry["model"] in busy else _state(entry))
    icon, kind = _KINDS.get(entry["kind"], ("", entry["kind"]))
    of = f" of {text.plain(entry['model'], 60)}" if entry["model"] not in (None, entry["name"]) else ""
    owner = " · from file" if entry["declared_in"] == "file" else ""
    small = f":small[:gray[{text.plain(text.schedule(entry['schedule']), 60)} · {text.plain(zone)}{owner}]]"
    what.markdown(f"{icon} **{text.plain(entry['name'], 60)}** {kind.lower()}{of}  \n{small}")
    last.markdown(data_words.ago(entry["last_run"], now, zone) if entry["last_run"] else "not yet")
    if entry["next_run"]:
        upcoming.markdown(data_words.until(entry["next_run"], now, zone))
    else:
        upcoming.markdown(text.plain(entry["note"], 120) if entry["note"] else "when it is due")
    if entry["kind"] == "monitor" and entry["model"]:
        under_way = entry["model"] in busy
        act.button(
            "Run now",
            icon=":material/play_arrow:",
            **state.barred("operator", disabled=under_way, why="It runs" if under_way else "Judge what is due, now"),
            key=f"run_monitor_{position}",
            on_click=_run,
            args=(entry["model"],),
            width="stretch",
        )


def _run(model: str) -> None:
    try:
        state.workspace().start_run(model, actor=state.actor())
    except WorkspaceError as error:
        st.toast(text.plain(error, 300), icon=":material/error:")


PAGE = Page(
    name="schedule",
    title="Schedule",
    icon=":material/schedule:",
    url_path="schedule",
    order=36,
    visible=True,
    render=render,
)
