"""A rule held against history: the value it names over time, and where it would have fired."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base, spans
from dashboard.theme import Palette
from service.alert_views import RuleFiring, RulePoint


def figure(
    points: Sequence[RulePoint], firings: Sequence[RuleFiring], palette: Palette, *, timezone: str, height: int = 240
) -> go.Figure:
    """Return the first term of a rule by window: windows where it holds as triangles, the time it would have fired shaded."""
    drawn = base.new(palette, height)
    for firing in firings:
        end = firing["until"] or (points[-1]["window_end"] if points else firing["since"])
        spans.firing(drawn, firing["since"], end, palette, timezone)
    terms = list(dict.fromkeys(term for point in points for term in point["values"]))
    term = terms[0] if terms else ""
    x = [base.middle(point["window_start"], point["window_end"], timezone) for point in points]
    y = [point["values"].get(term) for point in points]
    holds = [point["holds"] for point in points]
    drawn.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=text.figure(term, 60),
            connectgaps=False,
            line={"color": palette.accent, "width": 1.5},
            marker={
                "symbol": ["triangle-up" if held else "circle" for held in holds],
                "size": [10 if held else 5 for held in holds],
                "color": [palette.page if held else palette.accent for held in holds],
                "opacity": 1,
                "line": {"width": 0},
            },
            hovertemplate="%{x|%-d %b %Y}: %{y:.3g}<extra></extra>",
        )
    )
    base.lay(drawn, xaxis=base.time_axis(palette), yaxis=base.value_axis(palette), showlegend=True)
    return drawn
