"""Shaded stretches behind a line: while an alert fired, where a version was trained."""

from __future__ import annotations

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import VersionView


def firing(figure: go.Figure, start: str, end: str, palette: Palette, timezone: str) -> None:
    """Shade the time in which an alert was open."""
    _shade(figure, start, end, palette.page_tint, timezone)


def training(figure: go.Figure, version: VersionView, palette: Palette, timezone: str) -> None:
    """Shade the period a version was trained on and name it; nothing without a period."""
    if len(version["period"]) != 2:
        return
    start, end = version["period"]
    _shade(figure, start, end, palette.shade, timezone)
    words = f"{text.figure(version['version'])} trained here"
    x = base.at(start, timezone)
    base.note(figure, words, palette, x=x, y=0, yref="paper", xanchor="left", yanchor="bottom", xshift=6)


def _shade(figure: go.Figure, start: str, end: str, colour: str, timezone: str) -> None:
    first, last = base.at(start, timezone), base.at(end, timezone)
    figure.add_shape(
        type="rect", x0=first, x1=last, y0=0, y1=1, yref="paper", fillcolor=colour, line_width=0, layer="below"
    )
