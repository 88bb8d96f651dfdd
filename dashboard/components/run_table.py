"""Runs of monitors: the one under way with its progress, and what became of those before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text
from dashboard.components import data_words, export, health
from service.alert_views import ModelRunView
from service.workspace import WorkspaceError

STATES: dict[str, tuple[str, health.Colour]] = {
    "running": ("▷ Running", "blue"),
    "done": ("✓ Done", "green"),
    "failed": ("▲ Failed", "red"),
    "timed_out": ("◆ Timed out", "orange"),
    "lost": ("◆ Cut off", "orange"),
    "cancelled": ("○ Cancelled", "gray"),
}
LATEST = 40
_TRIGGERS = {"schedule": "schedule", "rows": "rows came", "manual": "by hand", "catch_up": "catching up"}


def under_way(runs: Sequence[ModelRunView], zones: Mapping[str, str]) -> None:
    """Draw each run that goes on: how far it is, how long it will take, and a way to end it."""
    for view in runs:
        if view["state"] != "running":
            continue
        done, total = view["windows_done"], view["windows_total"]
        with st.container(border=True, gap="xsmall", key=f"under_way_{view['run_id']}"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                health.badge(STATES, "running")
                began = text.moment(view["started_at"], zones.get(view["model"], "UTC"))
                words = f"**{text.plain(view['model'], 60)}**, since {began}, {_TRIGGERS.get(view['trigger'], '')}"
                st.markdown(words, width="content")
                st.space("stretch")
                st.button(
                    "Cancel",
                    icon=":material/stop:",
                    key=f"cancel_{view['model']}",
                    on_click=_cancel,
                    args=(view["model"],),
                    **state.barred(
                        "operator", why="It ends after the windows it is at; the next run goes on from there"
                    ),
                )
            left = view["remaining_seconds"]
            about = None if left is None else f"{left:.0f} s" if left < 100 else text.hours(left / 3600)
            rest = f", about {about} left" if about else ""
            share = min(1.0, done / total) if total else 0.0
            st.progress(share, text=f"{done} of {total if total is not None else '…'} windows{rest}")


def _cancel(model: str) -> None:
    try:
        state.workspace().cancel_run(model, actor=state.actor())
    except WorkspaceError as error:
        st.toast(text.plain(error, 300), icon=":material/error:")


def table(runs: Sequence[ModelRunView], zones: Mapping[str, str], *, key: str) -> None:
    """Draw runs that are over, the latest first."""
    over = [view for view in runs if view["state"] != "running"]
    told = [view for view in over if view["state"] != "done" or view["windows_done"]]
    idle = len(over) - len(told)
    if idle:
        st.caption(
            f"{text.plural(idle, 'run')} found nothing due and {'is' if idle == 1 else 'are'} left out. Times are those of each model's time zone."
        )
    rows = [_row(view, zones.get(view["model"], "UTC")) for view in told[:LATEST]]
    if not rows:
        if not over:
            st.caption("No run is over yet.")
        return
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        row_height=36,
        placeholder=text.MISSING,
        key=key,
        alt=f"The latest {text.plural(len(rows), 'run')} of monitors",
        column_order=[name for name in rows[0] if name != "Error" or any(row["Error"] for row in rows)],
        column_config={
            "State": health.column("State", STATES, pinned=True),
            "Windows": column_config.TextColumn("Windows", alignment="right"),
            "Rows": column_config.NumberColumn("Rows", format="localized"),
            "Took": column_config.TextColumn("Took", alignment="right"),
            "Error": column_config.TextColumn("Error", width=360),
        },
    )
    export.foot(told[:LATEST], name="runs", key=f"{key}_rows")


def _row(view: ModelRunView, zone: str) -> dict[str, Any]:
    total = view["windows_total"]
    windows = (
        str(view["windows_done"]) if total in (None, view["windows_done"]) else f"{view['windows_done']} of {total}"
    )
    return {
        "State": [health.words(STATES, view["state"])],
        "Model": text.clean(view["model"]),
        "Began": text.moment(view["started_at"], zone),
        "Why": _TRIGGERS.get(view["trigger"], text.clean(view["trigger"])),
        "By": text.clean(view["actor"]),
        "Windows": windows,
        "Rows": view["rows"],
        "Readings": view["readings"],
        "Alerts opened": view["alerts_opened"],
        "Took": None if view["seconds"] is None else _took(view["seconds"]),
        "Error": text.clean(view["error"], 400) if view["error"] else None,
    }


def _took(seconds: float) -> str:
    """Return how long a run took, with one decimal below a minute and a half."""
    return f"{seconds:.1f} s" if 0.1 <= seconds < 100 else data_words.seconds(seconds)
