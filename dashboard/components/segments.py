"""Drift inside segments: one segment's own drift table, and where it shows most among all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import state, text, theme
from dashboard.components import errors, health, numbers, svg
from service.views import DriftRow, SegmentDrift

ALL = "all rows"
_MOST = 15


def picker(names: Sequence[str]) -> str | None:
    """Draw the choice of whose rows are shown; returns a segment, or None for all rows. Without segments nothing is drawn."""
    if not names:
        return None
    options = {ALL: "All rows", **{name: text.clean(name, 40) for name in names}}
    chosen = state.select("Rows of", "segment", options, ALL, width=170)
    return None if chosen == ALL else chosen


def as_rows(found: Sequence[SegmentDrift], kinds: dict[str, str]) -> list[DriftRow]:
    """Return a segment's columns as rows of the drift table. ``kinds``: feature, context or prediction by column."""
    return [
        {
            "column": row["column"],
            "kind": kinds.get(row["column"], "feature"),
            "type": "",
            "unit": None,
            "state": health.state_of(row["verdict"]),
            "check": row["check"],
            "value": row["value"],
            "threshold": row["threshold"],
            "p_value": row["p_value"],
            "trend": [],
            "histogram": row["histogram"],
            "sentence": row["sentence"],
        }
        for row in found
    ]


@st.fragment
def ranked(model: str, window: str, name: str) -> None:
    """Draw an expander with the segments in which a window drifted most; nothing is read while it is closed."""
    panel = st.expander(f"By segment, {name}", icon=":material/splitscreen:", key="segments_panel", on_change="rerun")
    if not panel.open:
        return
    with panel, errors.in_words():
        found = state.workspace().segment_drift(model, datetime.fromisoformat(window), limit=_MOST)
        if not found:
            st.caption('No segment is declared, or none was judged: `segments = ["carrier"]` in driftdeck.toml.')
            return
        drifted = [row for row in found if health.state_of(row["verdict"]) == "material"]
        if drifted:
            worst = drifted[0]
            st.markdown(f"Most in **{text.plain(worst['segment'], 60)}**: {text.plain(worst['sentence'], 300)}")
        else:
            st.markdown(
                "Inside every segment, columns are within their natural variation, or too few rows came to tell."
            )
        _table(found)


def _table(found: Sequence[SegmentDrift]) -> None:
    palette = theme.palette()
    rows = [
        {
            "verdict": [health.words(health.DRIFT, health.state_of(row["verdict"]))],
            "segment": text.clean(row["segment"], 60),
            "column": text.clean(row["column"], 40),
            "histogram": svg.histogram(row["histogram"]["reference"], row["histogram"]["current"], palette),
            "shift": row["shift"],
            "value": row["value"],
            "threshold": row["threshold"],
            "n": row["n"],
            "missing": numbers.percent(row["missing"]),
        }
        for row in found
    ]
    values = [number for row in found for number in (row["value"], row["threshold"])]
    columns: Any = {
        "verdict": health.column("Verdict", health.DRIFT, pinned=True),
        "segment": column_config.TextColumn("Segment", width=190),
        "column": column_config.TextColumn("Column", width=140),
        "histogram": column_config.ImageColumn("Reference (grey), current", width=170),
        "shift": numbers.column(
            "Shift",
            [row["shift"] for row in found],
            width=70,
            help="In standard deviations of the segment's rows in the reference",
        ),
        "value": numbers.column("Distance", values, width=85, help="Jensen–Shannon, 0 to 1"),
        "threshold": numbers.column("Threshold", values, width=85),
        "n": column_config.NumberColumn("Rows", format="localized", width=80),
        "missing": numbers.share("Missing", [row["missing"] for row in found], width=80),
    }
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        row_height=40,
        placeholder=text.MISSING,
        column_config=columns,
        key="segments_table",
        alt="Drift inside segments, worst first",
    )
