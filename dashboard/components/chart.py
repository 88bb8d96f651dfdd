"""Showing a figure: one configuration for all, a text for those who cannot see it, clicks as calls, and a file to keep.

The buttons that save a chart as PNG or SVG are drawn in the browser on every chart of a page by one small component, which
the frame of all pages mounts: a figure need not know of it, and no page grows by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard import theme
from dashboard.components import browser_side

CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset", "showTips": False}


def show(figure: go.Figure, *, alt: str, key: str) -> None:
    """Draw a figure; ``alt`` says in words what it shows."""
    st.plotly_chart(figure, theme=None, config=CONFIG, alt=alt, key=key)


def clickable(figure: go.Figure, on_click: Callable[[int, int], None], *, alt: str, key: str) -> None:
    """Draw a figure and call ``on_click(curve, index)`` once for a point that is clicked, before the page runs again."""

    def clicked() -> None:
        points: list[dict[str, Any]] = st.session_state[key]["selection"]["points"]
        for point in points[:1]:
            on_click(point["curve_number"], point["point_index"])

    for trace in figure.data:
        trace.selected = trace.unselected = {"marker": {"opacity": 1}}
    st.plotly_chart(figure, theme=None, config=CONFIG, alt=alt, key=key, on_select=clicked, selection_mode="points")


def exports() -> None:
    """Let every chart of the page be saved as PNG or SVG; called once, by the frame of all pages."""
    colours = theme.palette()
    data = {name: getattr(colours, name) for name in ("text", "panel", "border", "accent")}
    with st.container(key="chart_export"):
        browser_side.component("chart_export")(data=data, key="chart_export_component")
