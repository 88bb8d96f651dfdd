"""How much of the truth has arrived, how long it took, and what users said meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.data_views import FeedbackPoint, LabelWindow

_LINES = 4  # values of a categorical kind that get a line


def over_time(windows: Sequence[LabelWindow], palette: Palette, *, timezone: str, height: int = 210) -> go.Figure:
    """Return the share of each window's rows that have labels, as bars from zero, and a tick where its age lets expect it.

    Windows that still wait for labels are outlines. A window without rows stays empty.
    """
    figure = base.new(palette, height, top=36)
    for mature, name in ((True, "labelled"), (False, "labelled so far, more to come")):
        mine = [window for window in windows if window["mature"] is mature]
        if not mine:
            continue
        fill = palette.reference if mature else palette.background
        figure.add_trace(
            go.Bar(
                x=[base.middle(w["start"], w["end"], timezone) for w in mine],
                y=[w["coverage"] for w in mine],
                width=[base.milliseconds(w["start"], w["end"], timezone) * 0.86 for w in mine],
                marker={"color": fill, "line": {"width": 0 if mature else 1.4, "color": palette.reference}},
                name=name,
                text=[_coverage_words(w, timezone) for w in mine],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
        )
    known = [window for window in windows if window["expected_coverage"] is not None]
    if known:
        figure.add_trace(
            go.Scatter(
                x=[base.middle(w["start"], w["end"], timezone) for w in known],
                y=[w["expected_coverage"] for w in known],
                mode="markers",
                marker={
                    "symbol": "line-ew-open",
                    "size": _tick(len(windows)),
                    "color": palette.accent,
                    "opacity": 1,
                    "line": {"width": 2.5, "color": palette.accent},
                },
                name="expected at this age",
                hoverinfo="skip",
            )
        )
    base.lay(
        figure,
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, range=[0, 1.05], tickvals=[0, 0.5, 1], tickformat=".0%"),
    )
    return figure


def _tick(windows: int) -> float:
    """Return a width that fits between neighbours."""
    return max(4.0, min(16.0, 420 / max(1, windows)))


def _coverage_words(window: LabelWindow, timezone: str) -> str:
    name = text.window_name(window["start"], window["end"], timezone)
    words = f"{name} · {window['labelled']:,} labels for {window['rows']:,} rows ({text.share(window['coverage'])})"
    if window["expected_coverage"] is not None:
        words += f" · expected {text.share(window['expected_coverage'])}"
    return words + ("" if window["mature"] else " · more to come")


def lags_over_time(windows: Sequence[LabelWindow], palette: Palette, *, timezone: str, height: int = 130) -> go.Figure:
    """Return the median time from event to label as a line, over the band from its 10th to its 90th percentile; gaps stay gaps."""
    figure = base.new(palette, height, top=30)
    known = [window for window in windows if window["lag_p50"] is not None]
    unit, size = ("days", 24.0) if any((w["lag_p50"] or 0.0) >= 48 for w in known) else ("h", 1.0)
    places = [base.middle(w["start"], w["end"], timezone) for w in windows]
    band = {"x": [base.middle(w["start"], w["end"], timezone) for w in known], "mode": "lines", "hoverinfo": "skip"}
    figure.add_trace(
        go.Scatter(y=[(w["lag_p10"] or 0.0) / size for w in known], line={"width": 0}, showlegend=False, **band)
    )
    figure.add_trace(
        go.Scatter(
            y=[(w["lag_p90"] or 0.0) / size for w in known],
            line={"width": 0},
            fill="tonexty",
            fillcolor=palette.band,
            name="lag, 10–90 % of labels",
            **band,
        )
    )
    figure.add_trace(
        go.Scatter(
            x=places,
            y=[None if w["lag_p50"] is None else w["lag_p50"] / size for w in windows],
            mode="lines+markers",
            line={"color": palette.text, "width": 1.6},
            marker={"color": palette.text, "size": 4, "opacity": 1},
            connectgaps=False,
            name="median",
            text=[_lag_words(w, timezone) for w in windows],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    base.lay(
        figure,
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, unit, rangemode="tozero", nticks=4),
        legend={"y": 1.04},
    )
    return figure


def _lag_words(window: LabelWindow, timezone: str) -> str:
    name = text.window_name(window["start"], window["end"], timezone)
    return f"{name} · median {text.hours(window['lag_p50'])}, 10 % within {text.hours(window['lag_p10'])}, 90 % within {text.hours(window['lag_p90'])}"


def feedback(points: Sequence[FeedbackPoint], palette: Palette, *, timezone: str, height: int = 150) -> go.Figure:
    """Return one kind of feedback by window: the mean of numbers, or a line for the share of each value (the most frequent four)."""
    figure = base.new(palette, height, top=30)
    numeric = any(point["mean"] is not None for point in points)
    totals: dict[str, float] = {}
    for point in points:
        for said, part in point["shares"].items():
            totals[said] = totals.get(said, 0.0) + part * point["n"]
    frequent = sorted(totals, key=lambda name: -totals[name])[:_LINES]
    lines: list[str | None] = [None] if numeric else [*frequent]
    for place, value in enumerate(lines):
        colour, symbol = base.version_style(place, palette)
        name = "mean" if value is None else text.figure({"true": "yes"}.get(value, value))
        figure.add_trace(
            go.Scatter(
                x=[base.middle(p["start"], p["end"], timezone) for p in points],
                y=[p["mean"] if value is None else p["shares"].get(value, 0.0) for p in points],
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"color": colour, "size": 5, "symbol": symbol, "opacity": 1},
                name=name,
                text=[_feedback_words(p, value, timezone) for p in points],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    shares: dict[str, Any] = {"range": [0, 1.05], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    base.lay(
        figure,
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, **({"rangemode": "tozero"} if numeric else shares)),
        showlegend=True,
    )
    return figure


def _feedback_words(point: FeedbackPoint, value: str | None, timezone: str) -> str:
    name = text.window_name(point["start"], point["end"], timezone)
    if value is None:
        said = f"mean {text.number(point['mean'])}"
    else:
        said = f"{text.figure({'true': 'yes'}.get(value, value))} {text.share(point['shares'].get(value, 0.0))}"
    return f"{name} · {said} of {text.plural(point['n'], 'answer')} ({text.share(point['coverage'])} of rows)"
