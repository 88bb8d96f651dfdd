"""Severity, state and verdict as shape and word; colour only repeats them."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st
from streamlit import column_config

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]

#: health and severity -> (words with their shape, colour)
HEALTH: dict[str, tuple[str, Colour]] = {
    "page": ("▲ Page", "red"),
    "warning": ("◆ Warning", "orange"),
    "notice": ("● Notice", "yellow"),
    "ok": ("✓ OK", "green"),
    "no_data": ("○ No data", "gray"),
    "insufficient": ("◔ Insufficient", "gray"),
}

#: state of a column in a window -> (words with their shape, colour)
DRIFT: dict[str, tuple[str, Colour]] = {
    "harmful": ("▲ Harmful", "red"),
    "material": ("■ Material", "blue"),
    "significant": ("▤ Significant", "gray"),
    "within": ("□ Within", "gray"),
    "insufficient": ("◔ Insufficient", "gray"),
    "no_data": ("○ No data", "gray"),
}

#: state of an alert -> (words, colour)
ALERT_STATE: dict[str, tuple[str, Colour]] = {
    "pending": ("pending", "gray"),
    "firing": ("firing", "red"),
    "acknowledged": ("acknowledged", "blue"),
    "silenced": ("silenced", "gray"),
    "recovering": ("recovering", "blue"),
    "resolved": ("✓ resolved", "green"),
}

#: what happened -> (words, colour)
EVENT: dict[str, tuple[str, Colour]] = {
    "page": HEALTH["page"],
    "warning": HEALTH["warning"],
    "notice": HEALTH["notice"],
    "resolved": ("✓ Resolved", "green"),
    "deploy": ("⬢ Deploy", "blue"),
    "retrain": ("↻ Retrain", "blue"),
    "rollback": ("↩ Rollback", "orange"),
    "source": ("⊘ Source", "orange"),
    "job": ("✕ Job", "orange"),
}

KIND = {
    "data_drift": "data drift",
    "prediction_drift": "prediction drift",
    "concept_drift": "concept drift",
    "performance": "performance",
    "data_quality": "data quality",
    "no_data": "no data",
    "latency": "latency",
    "business": "business metric",
    "job": "job",
    "watchdog": "watchdog",
}


def words(table: dict[str, tuple[str, Colour]], key: str) -> str:
    """Return shape and word for a key; an unknown key speaks for itself."""
    return table.get(key, (key.replace("_", " "), "gray"))[0]


def badge(table: dict[str, tuple[str, Colour]], key: str, suffix: str = "") -> None:
    """Draw a badge; ``suffix`` is Markdown and follows the word."""
    label, colour = table.get(key, (key.replace("_", " "), "gray"))
    st.badge(f"{label}{suffix}", color=colour)


def inline(table: dict[str, tuple[str, Colour]], key: str, suffix: str = "") -> str:
    """Return a badge as Markdown, to stand in a sentence."""
    label, colour = table.get(key, (key.replace("_", " "), "gray"))
    return f":{colour}-badge[{label}{suffix}]"


def column(label: str, table: dict[str, tuple[str, Colour]], *, pinned: bool = False) -> Any:
    """Return the column of a table whose cells are ``[words(table, key)]``."""
    return column_config.MultiselectColumn(
        label,
        options=[entry[0] for entry in table.values()],
        color=[entry[1] for entry in table.values()],
        pinned=pinned,
        width=110,
    )


def state_of(verdict: str) -> str:
    """Return the state of DRIFT that the verdict of a reading by itself amounts to."""
    known = {"drift": "material", "warning": "material", "critical": "material", "ok": "within"}
    return known.get(verdict, verdict if verdict in DRIFT else "insufficient")
