"""The gate: challenger against champion on the same rows, line by line, with shapes and words."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit import column_config

from dashboard import text
from dashboard.components import export, health, rollout_words
from dashboard.components.health import Colour
from service.views import GateRow, VersionView

MOST_ROWS = 14  # more scroll inside the table
VERDICTS: dict[str, tuple[str, Colour]] = {
    "pass": ("✓ Pass", "green"),
    "warn": ("◆ Warn", "orange"),
    "fail": ("▲ Fail", "red"),
    "info": ("○ Info", "gray"),
}


def draw(version: VersionView, timezone: str) -> None:
    """Draw the sentence of a version's gate and its lines; without a champion, the columns that need one are left out."""
    rows = version["gate"]
    name, held = text.plain(version["version"]), rollout_words.days(version["holdout"], timezone)
    against = any(row["champion"] is not None for row in rows)
    what = f"{name} against its champion" if against else f"{name} against the baseline"
    st.markdown(f"## Gate: {what} :gray[same rows{', ' + held if held else ''}]", anchors=False)
    if version["gate_sentence"]:
        st.markdown(text.plain(version["gate_sentence"], 800))
    st.dataframe(
        pd.DataFrame([cells(row, against=against) for row in rows]),
        hide_index=True,
        height="content" if len(rows) <= MOST_ROWS else 36 * (MOST_ROWS + 1),
        row_height=36,
        placeholder=text.MISSING,
        key="gate_table",
        alt=text.clean(version["gate_sentence"], 300),
        column_config={
            "Gate": badges("Gate", VERDICTS, 84),
            "Check": column_config.TextColumn("Check", width=210 if against else 300),
            "Champion": column_config.TextColumn("Champion", width=78, alignment="right"),
            "Challenger": column_config.TextColumn("Challenger", width=82, alignment="right"),
            "Change": column_config.TextColumn("Change", width=64, alignment="right"),
            "95 % interval": column_config.TextColumn("95 % interval", width=118, alignment="right"),
            "Allowed": column_config.TextColumn("Allowed", width=190 if against else 310),
        },
    )
    export.foot(rows, name=f"gate-{version['model']}-{version['version']}", key="gate_rows")


def cells(row: GateRow, *, against: bool) -> dict[str, object]:
    """Return a line of the gate as cells; ``against`` keeps the columns that need a champion."""
    unit = text.clean(row["unit"], 12) if row["unit"] else ""

    def said(value: float | None, *, signed: bool = False) -> str:
        if value is None:
            return text.MISSING
        if unit == "bytes":
            return f"{'−' if value < 0 else '+' if signed else ''}{text.short(abs(value))}B"
        if unit == "share":
            return f"{text.number(value * 100, signed=signed)} %"
        return text.number(value, "" if signed else unit, signed=signed)

    interval = text.MISSING
    if row["lower"] is not None and row["upper"] is not None:
        interval = f"{said(row['lower'], signed=True)} to {said(row['upper'], signed=True)}"
    shown: dict[str, object] = {
        "Gate": [health.words(VERDICTS, row["verdict"])],
        "Check": text.clean(row["name"], 120),
        "Champion": said(row["champion"]),
        "Challenger": said(row["challenger"]),
        "Change": said(row["change"], signed=True),
        "95 % interval": interval,
        "Allowed": text.clean(row["allowed"], 120),
    }
    return shown if against else {key: shown[key] for key in ("Gate", "Check", "Challenger", "Allowed")}


def badges(label: str, table: dict[str, tuple[str, Colour]], width: int) -> Any:
    """Return a column whose cells are ``[shape and word]``, coloured by ``table``."""
    return column_config.MultiselectColumn(
        label, options=[entry[0] for entry in table.values()], color=[entry[1] for entry in table.values()], width=width
    )
