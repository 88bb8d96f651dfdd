"""Quantiles of the window against the same quantiles of the reference (Wilk and Gnanadesikan 1968)."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import QuantilePair


def quantiles(pairs: Sequence[QuantilePair], palette: Palette, *, unit: str, height: int = 320) -> go.Figure:
    """Return the plot: on the diagonal nothing moved, above it values rose, a line apart from it is a shift, a steeper one a wider spread."""
    figure = base.new(palette, height, top=44)
    ends = [side for pair in pairs for side in (pair["reference"], pair["current"])]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    figure.add_trace(
        go.Scatter(
            x=[low, high],
            y=[low, high],
            mode="lines",
            line={"color": palette.reference, "width": 1.5, "dash": "dot"},
            name="as in the reference",
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[pair["reference"] for pair in pairs],
            y=[pair["current"] for pair in pairs],
            mode="lines+markers",
            line={"color": palette.accent, "width": 1.5},
            marker={"color": palette.accent, "size": 5, "opacity": 1},
            name="quantiles of the current window",
            text=[
                f"{text.share(pair['p'])} of rows lie below {text.measured(pair['reference'], unit)} in the reference, "
                f"{text.measured(pair['current'], unit)} now"
                for pair in pairs
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    axis = {"title": {"font": {"size": 11, "color": palette.muted}, "standoff": 6}}
    base.lay(
        figure,
        margin={"b": 46},
        xaxis=base.value_axis(palette, unit, **axis) | {"title": axis["title"] | {"text": "reference"}},
        yaxis=base.value_axis(palette, unit, **axis) | {"title": axis["title"] | {"text": "current"}},
    )
    return figure
