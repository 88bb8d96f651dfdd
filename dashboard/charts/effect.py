"""Where it is worst: error by segment."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import SegmentError

SEGMENT_ROW = 40


def segments(values: Sequence[SegmentError], palette: Palette, *, unit: str, period: str) -> go.Figure:
    """Return a dumbbell a segment: open grey is the reference, full is now, its value written; as given, worst first."""
    figure = base.new(palette, 74 + SEGMENT_ROW * max(1, len(values)), top=40, left=130, right=56)
    places = list(range(len(values)))
    for place, value in zip(places, values, strict=True):
        if value["reference"] is not None and value["current"] is not None:
            figure.add_shape(
                type="line",
                x0=value["reference"],
                x1=value["current"],
                y0=place,
                y1=place,
                line={"color": palette.border, "width": 3},
                layer="below",
            )
    number = "%{x:.3~p}" if unit == "share" else f"%{{x:.3~g}} {text.suffix(unit)}"
    names = [f"{text.figure(v['segment'], 16)} {text.figure(v['value'], 16)}" for v in values]
    shared = {"y": places, "mode": "markers", "text": names}
    figure.add_trace(
        go.Scatter(
            x=[v["reference"] for v in values],
            marker={
                "color": palette.background,
                "size": 11,
                "line": {"color": palette.reference, "width": 2},
                "opacity": 1,
            },
            name="reference",
            hovertemplate=f"%{{text}} · reference {number}<extra></extra>",
            **shared,
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[v["current"] for v in values],
            marker={"color": palette.accent, "size": 11, "opacity": 1},
            name=period,
            customdata=[v["n"] for v in values],
            hovertemplate=f"%{{text}} · {number} · %{{customdata:,}} rows<extra></extra>",
            **shared,
        )
    )
    for place, value in zip(places, values, strict=True):
        if value["current"] is not None:
            base.note(
                figure,
                text.measured(value["current"], "share" if unit == "share" else ""),
                palette,
                x=value["current"],
                y=place,
                xanchor="left",
                xshift=9,
                font={"size": 11.5, "color": palette.text},
            )
    base.lay(
        figure,
        xaxis={**base.value_axis(palette, unit, rangemode="tozero"), "showline": True, "linecolor": palette.border},
        yaxis={
            "tickvals": places,
            "ticktext": names,
            "range": [len(values) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    )
    return figure
