"""Showing a figure: one configuration for all, a text for those who cannot see it, and clicks as calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}


def show(figure: go.Figure, *, alt: str, key: str) -> None:
    """Draw a figure; ``alt`` says in words what it shows."""
    st.plotly_chart(figure, theme=None, config=CONFIG, alt=alt, key=key)


def clickable(figure: go.Figure, on_click: Callable[[int, int], None], *, alt: str, key: str) -> None:
    """Draw a figure and call ``on_click(curve, index)`` once for a point that is clicked, before the page runs again."""

    def clicked() -> None:
        points: list[dict[str, Any]] = st.session_state[key]["selection"]["points"]
        for point in points[:1]:
            on_click(point["curve_number"], point["point_index"])

    figure.update_traces(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}})
    st.plotly_chart(figure, theme=None, config=CONFIG, alt=alt, key=key, on_select=clicked, selection_mode="points")
