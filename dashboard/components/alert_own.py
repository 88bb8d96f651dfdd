"""The story of an alert about Driftdeck itself or what feeds it: runs of a monitor or a source, and trainings, as they went."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import text
from dashboard.components import export, health
from service.views import AlertView, ModelView
from service.workspace import Workspace, WorkspaceError

_LATEST = 12
_STATES: dict[str, tuple[str, health.Colour]] = {
    "done": ("✓ Done", "green"),
    "succeeded": ("✓ Done", "green"),
    "running": ("▷ Running", "blue"),
    "queued": ("○ Queued", "gray"),
    "failed": ("▲ Failed", "red"),
    "timed_out": ("◆ Timed out", "orange"),
    "lost": ("◆ Cut off", "orange"),
    "cancelled": ("○ Cancelled", "gray"),
}


def draw(ws: Workspace, alert: AlertView, model: ModelView) -> None:
    """Draw what the latest runs came to, and the error of the last that failed."""
    title, rows = _runs(ws, alert, model)
    with st.container(border=True, key="alert_runs"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"## {title}", anchors=False, width="content")
            st.space("stretch")
            export.table(rows, name=f"{alert['model']}_{alert['id']}", key="alert_runs")
        if not rows:
            st.caption("None is recorded.")
            return
        failed = next((row for row in rows if row["error"]), None)
        if failed:
            st.markdown(f"The latest error, {failed['began']}:")
            st.code(text.clean(failed["error"], 600), language=None, wrap_lines=True)
        settings: Any = {
            "state": health.column("State", _STATES, pinned=True),
            "seconds": st.column_config.NumberColumn("seconds", format="%.1f"),
            "rows": st.column_config.NumberColumn("rows", format="localized"),
        }
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height="content",
            placeholder=text.MISSING,
            column_config=settings,
            key="alert_runs_table",
            alt=f"{title}, the latest first",
        )


def _runs(ws: Workspace, alert: AlertView, model: ModelView) -> tuple[str, list[dict[str, Any]]]:
    zone, name, source = model["timezone"], alert["model"], alert.get("source")
    try:
        if source:
            return f"Runs of the source {text.plain(source, 60)}", [
                _row(run["state"], run["started_at"], run["seconds"], run["rows"], run["error"], zone)
                for run in ws.source_runs(source, limit=_LATEST)
            ]
        if alert["kind"] == "job":
            return "Trainings", [
                _row(job["state"], job["started_at"] or job["created_at"], None, None, job["error"], zone)
                for job in ws.jobs(name)[:_LATEST]
            ]
        return "Runs of the monitor", [
            _row(run["state"], run["started_at"], run["seconds"], run["rows"], run["error"], zone)
            for run in ws.runs(name, limit=_LATEST)
        ]
    except WorkspaceError as error:  # the source is not declared any more
        return f"What is known: {text.plain(error, 200)}", []


def _row(
    state: str, began: str, seconds: float | None, rows: int | None, error: str | None, zone: str
) -> dict[str, Any]:
    return {
        "state": [health.words(_STATES, state)],
        "began": text.moment(began, zone, year=True),
        "seconds": seconds,
        "rows": rows,
        "error": None if error is None else text.clean(error, 400),
    }
