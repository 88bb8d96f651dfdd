"""How many rows came, window by window; windows without any stand out."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.views import WindowView


def by_window(windows: Sequence[WindowView], palette: Palette, *, timezone: str, height: int = 260) -> go.Figure:
    """Return one bar a window; a window without rows is hatched from top to bottom and says so."""
    figure = base.new(palette, height, top=34)
    x = [base.middle(w["start"], w["end"], timezone) for w in windows]
    width = [base.milliseconds(w["start"], w["end"], timezone) * 0.86 for w in windows]
    tallest = max((w["rows"] for w in windows), default=0) or 1
    figure.add_trace(
        go.Bar(
            x=x,
            y=[w["rows"] for w in windows],
            width=width,
            marker={"color": palette.reference_fill, "line": {"width": 0}},
            name="rows",
            text=[_words(w, timezone) for w in windows],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    )
    empty = [place for place, w in enumerate(windows) if w["rows"] == 0]
    if empty:
        figure.add_trace(
            go.Bar(
                x=[x[place] for place in empty],
                y=[tallest] * len(empty),
                width=[width[place] for place in empty],
                marker={
                    "color": "rgba(0,0,0,0)",
                    "line": {"width": 0},
                    "pattern": {"shape": "/", "fgcolor": palette.muted, "size": 6, "solidity": 0.2},
                },
                name="no rows",
                text=[_words(windows[place], timezone) for place in empty],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
        )
    base.lay(figure, xaxis=base.time_axis(palette), yaxis=base.value_axis(palette, rangemode="tozero", tickformat=","))
    return figure


def _words(window: WindowView, timezone: str) -> str:
    return f"{text.window_name(window['start'], window['end'], timezone)} · {text.plural(window['rows'], 'row')}"
