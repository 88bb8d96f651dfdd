"""How much of the truth has arrived."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import WindowView


def over_time(windows: Sequence[WindowView], palette: Palette, *, timezone: str, height: int = 230) -> go.Figure:
    """Return the share of each window's rows that have labels, as bars from zero; a window without rows stays empty."""
    figure = base.new(palette, height, top=16)
    figure.add_trace(
        go.Bar(
            x=[base.middle(w["start"], w["end"], timezone) for w in windows],
            y=[w["coverage"] for w in windows],
            width=[base.milliseconds(w["start"], w["end"], timezone) * 0.92 for w in windows],
            marker={"color": palette.reference, "line": {"width": 0}},
            text=[
                f"{text.window_name(w['start'], w['end'], timezone)} · {w['labels']:,} labels for {w['rows']:,} rows"
                for w in windows
            ],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_layout(
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, range=[0, 1.05], tickvals=[0, 0.5, 1], tickformat=".0%"),
    )
    return figure
