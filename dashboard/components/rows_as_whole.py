"""What rows as a whole say in one window: changes that no single column shows, and the columns that drive them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import text, theme
from dashboard.components import health, numbers, svg
from service.views import RowsReading


def card(found: Sequence[RowsReading], window_start: str, name: str) -> None:
    """Draw the readings of one window, if there are any."""
    mine = [row for row in found if row["window_start"] == window_start]
    if not mine:
        return
    st.header("Rows as a whole", anchor=False)
    st.caption(
        f"Held against a sample of the reference, {name}: what the columns say together, and what texts and embeddings hold."
    )
    palette = theme.palette()
    rows = [
        {
            "verdict": [health.words(health.DRIFT, health.state_of(row["verdict"]))],
            "check": text.clean(row["label"], 60),
            "column": text.clean(row["column"] or "all inputs", 40),
            "value": row["value"],
            "threshold": row["threshold"],
            "bullet": svg.bullet(row["value"], row["threshold"], palette, state=health.state_of(row["verdict"])),
            "drivers": ", ".join(
                f"{text.clean(driver['column'], 30)} {text.share(driver['share'])}" for driver in row["drivers"][:3]
            ),
            "sentence": text.clean(row["error"] or row["sentence"], 300),
        }
        for row in mine
    ]
    columns: Any = {
        "verdict": health.column("Verdict", health.DRIFT, pinned=True),
        "check": column_config.TextColumn("Check", width=190),
        "column": column_config.TextColumn("Of", width=110),
        "value": numbers.mixed("Value", width=80),
        "threshold": numbers.mixed("Threshold", width=85),
        "bullet": column_config.ImageColumn("Value / threshold", width=170, help="The tick is the threshold"),
        "drivers": column_config.TextColumn("Driven by", width=260),
        "sentence": column_config.TextColumn("In words", width=620),
    }
    st.dataframe(
        pd.DataFrame(numbers.each_its_own(rows, "value", "threshold")),
        hide_index=True,
        height="content",
        row_height=40,
        placeholder=text.MISSING,
        column_config=columns,
        column_order=[name for name in columns if name != "drivers" or any(row["drivers"] for row in rows)],
        key="rows_as_whole",
        alt="Checks on rows as a whole in this window",
    )
