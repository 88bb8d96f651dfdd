"""The sequential test on the loss: evidence of a change, step by step, up to the alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.outcome_views import ConceptStep, ConceptView

_LEAST = 0.1  # evidence below it says nothing, and would only stretch the axis
_MOST = 1e12


def over_time(view: ConceptView, palette: Palette, *, timezone: str, height: int = 210) -> go.Figure:
    """Return the evidence by step on a logarithmic axis, the alarm line, and the span in which the change began."""
    figure = base.new(palette, height, top=36)
    steps = view["steps"]
    figure.add_trace(
        go.Scatter(
            x=[base.at(s["end"], timezone) for s in steps],
            y=[_shown(s["evidence"]) for s in steps],
            mode="lines+markers",
            line={"color": palette.accent, "width": 2},
            marker={"color": palette.accent, "size": 5, "opacity": 1},
            name="evidence that the loss has risen",
            text=[_words(s, view, timezone) for s in steps],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    fired = [s for s in steps if s["alarm"]]
    if fired:
        figure.add_trace(
            go.Scatter(
                x=[base.at(s["end"], timezone) for s in fired],
                y=[_shown(s["evidence"]) for s in fired],
                mode="markers",
                marker={"color": palette.page, "size": 10, "symbol": "triangle-up", "opacity": 1},
                name="alarm",
                text=[_words(s, view, timezone) for s in fired],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    _alarm_line(figure, view, palette, timezone)
    _onset(figure, view, palette, timezone)
    low, high = _range(steps, view["threshold"])
    base.lay(
        figure,
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, type="log", range=[low, high], dtick=max(1, math.ceil((high - low) / 5))),
        legend={"y": 1.02},
    )
    base.lay(figure, yaxis={"nticks": None, "tickformat": "~s" if high <= 12 else ".0e"})
    return figure


def _shown(evidence: float) -> float:
    return min(max(evidence, _LEAST), _MOST)


def _range(steps: Sequence[ConceptStep], threshold: float) -> tuple[float, float]:
    values = [_shown(s["evidence"]) for s in steps] + [threshold]
    return math.log10(min(*values, 0.5)) - 0.15, math.log10(max(values)) + 0.3


def _alarm_line(figure: go.Figure, view: ConceptView, palette: Palette, timezone: str) -> None:
    if not view["steps"]:
        return
    first, last = view["steps"][0], view["steps"][-1]
    figure.add_trace(
        go.Scatter(
            x=[base.at(first["start"], timezone), base.at(last["end"], timezone)],
            y=[view["threshold"]] * 2,
            mode="lines",
            line={"color": palette.page, "width": 1.5, "dash": "dash"},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    base.note(
        figure,
        f"alarm at {text.number(view['threshold'])}",
        palette,
        x=base.at(first["start"], timezone),
        y=math.log10(view["threshold"]),
        xanchor="left",
        yanchor="bottom",
        xshift=4,
        font={"size": 11, "color": palette.page},
    )


def _onset(figure: go.Figure, view: ConceptView, palette: Palette, timezone: str) -> None:
    if view["onset"] is None:
        return
    if view["onset_lower"] and view["onset_upper"]:
        figure.add_shape(
            type="rect",
            x0=base.at(view["onset_lower"], timezone),
            x1=base.at(view["onset_upper"], timezone),
            y0=0,
            y1=1,
            yref="paper",
            fillcolor=palette.page_tint,
            line_width=0,
            layer="below",
        )
    x = base.at(view["onset"], timezone)
    figure.add_shape(
        type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line={"color": palette.page, "width": 1.2, "dash": "dot"}
    )
    words = f"began about {text.day(view['onset'], timezone)}"
    base.note(
        figure, words, palette, x=x, y=1, yref="paper", xanchor="right", yanchor="top", xshift=-4,
        font={"size": 11, "color": palette.page},
    )  # fmt: skip


def _words(step: ConceptStep, view: ConceptView, timezone: str) -> str:
    name = text.period(step["start"], step["end"], timezone)
    loss = text.measured(step["loss"], view["unit"])
    return (
        f"labels of {name} · {text.plural(step['n'], 'row')}, loss {loss} · evidence {text.number(step['evidence'])}, "
        f"alarm at {text.number(view['threshold'])}"
    )
