"""A learning curve: how good a model gets with how many rows."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.training_views import CurveView


def figure(curve: CurveView, palette: Palette, *, height: int = 260) -> go.Figure:
    """Return the metric by rows on a logarithmic axis, with its 95 % interval, and where it levels off."""
    drawn = base.new(palette, height)
    points = curve["points"]
    x = [point["rows"] for point in points]
    y = [point["value"] for point in points]
    up = [(point["upper"] or point["value"]) - point["value"] for point in points]
    down = [point["value"] - (point["lower"] or point["value"]) for point in points]
    unit = text.suffix(curve["unit"])
    drawn.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=f"{text.figure(text.metric_name(curve['metric']))} on the same later rows, 95 % interval",
            line={"color": palette.accent, "width": 1.5},
            marker={"size": 7, "color": palette.accent, "opacity": 1},
            error_y={
                "type": "data",
                "array": up,
                "arrayminus": down,
                "color": palette.muted,
                "thickness": 1,
                "width": 4,
            },
            hovertemplate=f"%{{x:,}} rows: %{{y:.3g}} {unit}<extra></extra>",
        )
    )
    if curve["levels_off"] is not None:
        drawn.add_vline(x=curve["levels_off"], line={"color": palette.second, "width": 1.2, "dash": "dot"})
        base.note(
            drawn, f"levels off at {curve['levels_off']:,}", palette,
            x=_place(curve["levels_off"]), y=1, yref="paper", xanchor="left", yanchor="top", xshift=6,
        )  # fmt: skip
    axis = {
        "type": "log",
        "showgrid": False,
        "showline": True,
        "linecolor": palette.border,
        "tickfont": {"color": palette.muted},
    }
    ticks = {"tickmode": "array", "tickvals": x, "ticktext": [text.short(rows) for rows in x]}
    base.lay(drawn, xaxis={**axis, **ticks}, yaxis=base.value_axis(palette, curve["unit"]), showlegend=True)
    return drawn


def _place(rows: int) -> float:
    """Return where notes stand on a logarithmic axis: at the exponent of ten."""
    return math.log10(rows)
