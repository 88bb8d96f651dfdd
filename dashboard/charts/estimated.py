"""Performance as it was estimated before labels came: dotted, with the interval in which the truth was to lie."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.outcome_views import EstimatePoint


def add(figure: go.Figure, points: Sequence[EstimatePoint], palette: Palette, *, unit: str, timezone: str) -> None:
    """Add the estimates to a metric's chart; a cross where the truth came to lie outside."""
    known = [point for point in points if point["value"] is not None]
    if not known:
        return
    places = [base.middle(p["start"], p["end"], timezone) for p in known]
    shared = {"x": places, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(y=[p["lower"] for p in known], **shared))
    figure.add_trace(go.Scatter(y=[p["upper"] for p in known], fill="tonexty", fillcolor=palette.model_fill, **shared))
    figure.add_trace(
        go.Scatter(
            x=places,
            y=[p["value"] for p in known],
            mode="lines+markers",
            line={"color": palette.model, "width": 1.8, "dash": "dot"},
            marker={
                "color": palette.model,
                "size": [8 if p["gap_significant"] else 4 for p in known],
                "symbol": ["x-thin-open" if p["gap_significant"] else "circle" for p in known],
                "line": {"width": 2, "color": palette.model},
                "opacity": 1,
            },
            name=f"estimated without labels ({text.figure(known[-1]['method'])}), 95 %",
            text=[_words(p, unit, timezone) for p in known],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _words(point: EstimatePoint, unit: str, timezone: str) -> str:
    plain = "share" if unit == "share" else ""  # the unit is written once
    name = text.window_name(point["start"], point["end"], timezone)
    words = f"{name} · estimated {text.measured(point['value'], unit)} ({text.measured(point['lower'], plain)} to {text.measured(point['upper'], plain)})"
    if point["realised"] is None:
        return f"{words} · no labels yet"
    outside = ", outside: a sign of concept drift" if point["gap_significant"] else ""
    return f"{words} · realised {text.measured(point['realised'], unit)}{outside}"
