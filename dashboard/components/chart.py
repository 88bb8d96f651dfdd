"""Showing a figure: one configuration for all, a text for those who cannot see it, and clicks as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}


def show(figure: go.Figure, *, alt: str, key: str) -> None:
    """Draw a figure; ``alt`` says in words what it shows."""
    st.plotly_chart(figure, theme=None, config=CONFIG, alt=alt, key=key)


def clickable(
    figure: go.Figure, *, alt: str, key: str, modes: Sequence[Literal["points", "box", "lasso"]] = ("points",)
) -> list[dict[str, Any]]:
    """Draw a figure and return the points chosen in it, newest run only (``customdata`` tells what they are)."""
    event = st.plotly_chart(
        figure,
        theme=None,
        config=CONFIG,
        alt=alt,
        key=key,
        on_select="rerun",
        selection_mode=modes,
    )
    selection = event.get("selection", {}) if event else {}
    return list(selection.get("points", []))
