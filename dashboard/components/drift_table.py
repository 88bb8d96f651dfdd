"""The drift table of one window: a row a column, the worst first; a click opens the column's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import registry, text, theme
from dashboard.components import health, svg
from service.views import DriftRow

PAGE_SIZE = 25
_ORDER = list(health.DRIFT)
_IN_LABEL_UNITS = ("mae", "rmse", "bias")


def by_trouble(rows: Sequence[DriftRow]) -> list[DriftRow]:
    """Return rows with the worst verdict first, then those furthest beyond their threshold."""
    return sorted(rows, key=lambda row: (_ORDER.index(row["state"]), -_reach(row)))


def _reach(row: DriftRow) -> float:
    if row["value"] is None or not row["threshold"]:
        return 0.0
    return abs(row["value"] / row["threshold"])


def draw(rows: Sequence[DriftRow], *, model: str, window: str, key: str) -> None:
    """Draw one page of the table; choosing a cell goes to the column's page at that window."""
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = min(st.session_state.get(f"{key}_page", 1), pages)
    shown = by_trouble(rows)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    columns: Any = _columns(max((len(row["trend"]) for row in shown), default=0))
    event = st.dataframe(
        pd.DataFrame([_cells(row, theme.palette()) for row in shown]),
        hide_index=True,
        height="content",
        row_height=40,
        placeholder=text.MISSING,
        on_select="rerun",
        selection_mode="single-cell",
        column_config=columns,
        key=f"{key}_{page}",
        alt="Drift by column, worst first",
    )
    if pages > 1:
        st.pagination(pages, key=f"{key}_page")
    cells = event["selection"].get("cells", [])
    if cells:
        registry.go("feature", model=model, column=shown[cells[0][0]]["column"], window=window)


def _cells(row: DriftRow, palette: theme.Palette) -> dict[str, object]:
    known = row["state"] not in ("insufficient", "no_data")
    bars = row["histogram"]
    unit = f" {row['unit']}" if row["unit"] and row["check"] in _IN_LABEL_UNITS else ""
    return {
        "verdict": [health.words(health.DRIFT, row["state"])],
        "column": row["column"],
        "kind": row["kind"],
        "histogram": svg.histogram(bars["reference"], bars["current"], palette) if known else None,
        "statistic": text.metric_name(row["check"]) + unit,
        "value": row["value"],
        "threshold": row["threshold"],
        "bullet": svg.bullet(row["value"], row["threshold"], palette, state=row["state"]),
        "trend": svg.sparkline(
            row["trend"], palette, lower=0.0, upper=row["threshold"], alarm=row["state"] == "harmful"
        ),
    }


def _columns(trend: int) -> dict[str, object]:
    return {
        "verdict": health.column("Verdict", health.DRIFT, pinned=True),
        "column": column_config.TextColumn("Column", width=170),
        "kind": column_config.TextColumn("Kind", width=90),
        "histogram": column_config.ImageColumn("Reference (grey), current", width=170),
        "statistic": column_config.TextColumn("Statistic", width=140),
        "value": column_config.NumberColumn("Value", format="%.3g", width=85),
        "threshold": column_config.NumberColumn("Threshold", format="%.3g", width=85),
        "bullet": column_config.ImageColumn(
            "Value / threshold", width=170, help="The tick is the threshold; the arrow says more than twice"
        ),
        "trend": column_config.ImageColumn(f"{trend} windows", width=170, help="Grey: up to the threshold"),
    }
