"""A metric or statistic over time: band, threshold, points, and what lies past the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import LIGHT, Palette
from service.views import Marker, PerformancePoint, ReadingView

_PAST = ("drift", "warning", "critical")
_MANY = 60  # windows, of which points and intervals would hide the line


@dataclass(frozen=True, slots=True)
class Point:
    """One window of one line."""

    start: str
    end: str
    line: str
    serving: bool
    value: float | None
    n: int
    threshold: float | None
    lower: float | None
    upper: float | None
    past: bool
    verdict: str
    reference: bool = False  # a window of the reference itself: drawn, never judged
    ci_lower: float | None = None  # 95 % interval of the value itself
    ci_upper: float | None = None
    first: float | None = None  # what was said before late labels restated it
    restated: int = 0


def of_performance(points: Sequence[PerformancePoint]) -> list[Point]:
    """Return performance points as points of lines, one line a version."""
    return [
        Point(
            p["start"],
            p["end"],
            p["model_version"],
            p["role"] == "serving",
            p["value"],
            p["n"],
            p["threshold"],
            p["lower"],
            p["upper"],
            p["role"] == "serving" and p["verdict"] in _PAST,
            p["verdict"],
            p["role"] == "reference",
            ci_lower=p.get("ci_lower"),
            ci_upper=p.get("ci_upper"),
            first=p.get("first_value"),
            restated=p.get("restated", 0),
        )
        for p in points
    ]


def versions(points: Sequence[PerformancePoint]) -> list[str]:
    """Return versions in the order in which they came to serve; those that never did come last."""
    known = [p for p in points if p["role"] != "reference" and p["value"] is not None]
    first = sorted(known, key=lambda p: (p["role"] != "serving", p["start"]))
    return list(dict.fromkeys(p["model_version"] for p in first))


def of_readings(readings: Sequence[ReadingView]) -> list[Point]:
    """Return one check's readings as points of one line; past is what the verdict says."""
    return [
        Point(
            r["window_start"],
            r["window_end"],
            "value",
            serving=True,
            value=r["value"],
            n=r["n"],
            threshold=r["threshold"],
            lower=r["lower"],
            upper=r["upper"],
            past=r["value"] is not None and r["threshold"] is not None and r["value"] > r["threshold"],
            verdict=r["verdict"],
        )
        for r in readings
    ]


def over_time(
    points: Sequence[Point],
    palette: Palette,
    *,
    name: str,
    unit: str,
    timezone: str,
    markers: Sequence[Marker] = (),
    reference_period: Sequence[str] | None = None,
    zero: bool = True,
    height: int = 280,
    past_role: str = "page",
    missing: str = "no data",
    order: Sequence[str] = (),
    letters: int = base.LETTERS,
) -> go.Figure:
    """Return value by window with natural variation, threshold, events, and gaps that stay gaps."""
    figure = base.new(palette, height, top=62)
    add(figure, points, palette, name=name, unit=unit, timezone=timezone, past_role=past_role, order=order)
    top = gaps(figure, points, palette, timezone, words=missing)
    base.reference_period(figure, reference_period, palette, timezone, y0=0, y1=1, yref="paper")
    base.legend_above(figure, base.events(figure, markers, palette, timezone, letters=letters))
    base.lay(
        figure,
        xaxis=base.time_axis(palette),
        yaxis=base.value_axis(palette, unit, rangemode="tozero" if zero else "normal", range=top),
    )
    return figure


def add(
    figure: go.Figure,
    points: Sequence[Point],
    palette: Palette,
    *,
    name: str,
    unit: str,
    timezone: str,
    past_role: str = "page",
    order: Sequence[str] = (),
) -> dict[int, list[tuple[str | None, str]]]:
    """Add band, threshold and one line a version to the first value axis.

    ``order`` names versions in the order of their colours, so that a shorter range does not repaint them.
    Returns what a click means: curve -> (None, window start) by point.
    """
    clicks: dict[int, list[tuple[str | None, str]]] = {}
    serving = [point for point in points if point.serving]
    _band(figure, serving, palette, timezone)
    known = [p for p in [*serving, *points] if p.value is not None and not p.reference]
    lines = list(dict.fromkeys([*order, *(point.line for point in known)]))
    _reference(figure, [p for p in points if p.reference], palette, unit, timezone)
    for position, line in enumerate(lines):
        colour, symbol = base.version_style(position, palette)
        label = ", ".join(text.figure(part) for part in (name, "" if lines == ["value"] else line) if part)
        mine = [p for p in serving if p.line == line]
        clicks[len(figure.data)] = [(None, p.start) for p in mine]
        _line(figure, mine, colour, symbol, label, unit, timezone)
        aside = [p for p in points if p.line == line and not p.serving and not p.reference]
        _dotted(figure, aside, colour, line, unit, timezone)
    past = [p for p in serving if p.past and p.value is not None]
    clicks[len(figure.data)] = [(None, p.start) for p in past]
    _past(figure, past, getattr(palette, past_role), unit, timezone)
    _threshold(figure, serving, palette, unit, timezone)
    return clicks


def clicks(points: Sequence[Point], order: Sequence[str] = ()) -> dict[int, list[tuple[str | None, str]]]:
    """Return what clicks on :func:`over_time` of the same points mean."""
    return add(go.Figure(), points, LIGHT, name="", unit="", timezone="UTC", order=order)


def _hover(point: Point, unit: str, timezone: str) -> str:
    window = text.window_name(point.start, point.end, timezone)
    plain = "share" if unit == "share" else ""  # the unit is written once
    limit = "" if point.threshold is None else f" · threshold {text.measured(point.threshold, unit)}"
    value = text.measured(point.value, unit)
    if point.ci_lower is not None and point.ci_upper is not None:
        value += f" ({text.measured(point.ci_lower, plain)} to {text.measured(point.ci_upper, plain)})"
    again = ""
    if point.restated:
        value = f"{text.measured(point.first, plain)} → {value}"
        again = f" · restated {'once' if point.restated == 1 else f'{point.restated} times'}"
    return f"{window} · {value}{limit} · {text.plural(point.n, 'row')}{again}"


def _steps(points: Sequence[Point], timezone: str) -> list[str]:
    """Return window starts and the last end: the corners of a stepped line."""
    return [base.at(p.start, timezone) for p in points] + [base.at(points[-1].end, timezone)]


def _band(figure: go.Figure, points: Sequence[Point], palette: Palette, timezone: str) -> None:
    known = [p for p in points if p.lower is not None and p.upper is not None]
    if not known:
        return
    corners = _steps(known, timezone)
    shared = {"x": corners, "mode": "lines", "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(y=[*(p.lower for p in known), known[-1].lower], showlegend=False, **shared))
    figure.add_trace(
        go.Scatter(
            y=[*(p.upper for p in known), known[-1].upper],
            fill="tonexty",
            fillcolor=palette.band,
            name="natural variation",
            **shared,
        )
    )


def _line(
    figure: go.Figure, points: Sequence[Point], colour: str, symbol: str, name: str, unit: str, timezone: str
) -> None:
    if not points:
        return
    figure.add_trace(
        go.Scatter(
            x=[base.middle(p.start, p.end, timezone) for p in points],
            y=[p.value for p in points],
            mode="lines+markers",
            line={"color": colour, "width": 2, "shape": "linear"},
            marker={"color": colour, "size": 6 if len(points) < _MANY else 4, "symbol": symbol, "opacity": 1},
            name=name,
            connectgaps=False,
            error_y=_whiskers(points, colour),
            text=[_hover(p, unit, timezone) for p in points],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _whiskers(points: Sequence[Point], colour: str) -> dict[str, Any]:
    """Return the 95 % intervals as thin lines, nothing where no point has one."""
    if all(p.ci_lower is None or p.ci_upper is None for p in points):
        return {"visible": False}
    up = [0.0 if p.ci_upper is None or p.value is None else p.ci_upper - p.value for p in points]
    down = [0.0 if p.ci_lower is None or p.value is None else p.value - p.ci_lower for p in points]
    shown = colour if len(points) < _MANY else base.faint(colour)
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1, "width": 0, "color": shown}  # fmt: skip


def _dotted(figure: go.Figure, points: Sequence[Point], colour: str, line: str, unit: str, timezone: str) -> None:
    if not points:
        return
    figure.add_trace(
        go.Scatter(
            x=[base.middle(p.start, p.end, timezone) for p in points],
            y=[p.value for p in points],
            mode="lines",
            line={"color": colour, "width": 1.2, "dash": "dot"},
            name=f"{text.figure(line)}, not serving",
            connectgaps=False,
            text=[f"{text.figure(line)}, not serving: {_hover(p, unit, timezone)}" for p in points],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _reference(figure: go.Figure, points: Sequence[Point], palette: Palette, unit: str, timezone: str) -> None:
    if not points:
        return
    figure.add_trace(
        go.Scatter(
            x=[base.middle(p.start, p.end, timezone) for p in points],
            y=[p.value for p in points],
            mode="lines+markers",
            line={"color": palette.reference, "width": 1.5},
            marker={"color": palette.reference, "size": 4, "symbol": "circle", "opacity": 1},
            name="in the reference",
            connectgaps=False,
            text=[f"reference: {_hover(p, unit, timezone)}" for p in points],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _past(figure: go.Figure, points: Sequence[Point], colour: str, unit: str, timezone: str) -> None:
    if not points:
        return
    figure.add_trace(
        go.Scatter(
            x=[base.middle(p.start, p.end, timezone) for p in points],
            y=[p.value for p in points],
            mode="markers",
            marker={"color": colour, "size": 10, "symbol": "triangle-up", "opacity": 1},
            name="past threshold",
            text=[_hover(p, unit, timezone) for p in points],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _threshold(figure: go.Figure, points: Sequence[Point], palette: Palette, unit: str, timezone: str) -> None:
    known = [p for p in points if p.threshold is not None]
    if not known:
        return
    figure.add_trace(
        go.Scatter(
            x=_steps(known, timezone),
            y=[*(p.threshold for p in known), known[-1].threshold],
            mode="lines",
            line={"color": palette.page, "width": 1.5, "dash": "dash", "shape": "hv"},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    base.note(
        figure,
        f"threshold {text.measured(known[0].threshold, unit)}",
        palette,
        x=base.at(known[0].start, timezone),
        y=known[0].threshold,
        xanchor="left",
        yanchor="bottom",
        xshift=4,
        bgcolor=palette.veil,
        borderpad=0,
        font={"size": 11, "color": palette.page},
    )


def gaps(
    figure: go.Figure, points: Sequence[Point], palette: Palette, timezone: str, *, words: str
) -> list[float] | None:
    """Hatch windows without a value and say so; returns the range of the value axis that this fixes, if any."""
    covered = {p.start for p in points if (p.reference or p.serving) and p.value is not None}
    empty = [p for p in points if p.serving and p.value is None and p.start not in covered]
    if not empty:
        return None
    numbers = [v for p in points for v in (p.value, p.threshold, p.upper) if v is not None]
    top = (max(numbers) if numbers else 1.0) * 1.08
    figure.add_trace(
        go.Bar(
            x=[base.middle(p.start, p.end, timezone) for p in empty],
            y=[top] * len(empty),
            width=[base.milliseconds(p.start, p.end, timezone) for p in empty],
            marker={
                "color": "rgba(0,0,0,0)",
                "line": {"width": 0},
                "pattern": {"shape": "/", "fgcolor": palette.reference, "fgopacity": 0.6, "size": 7, "solidity": 0.15},
            },
            showlegend=False,
            text=[text.window_name(p.start, p.end, timezone) for p in empty],
            textposition="none",
            hovertemplate=f"%{{text}} · {words}<extra></extra>",
        )
    )
    last = empty[-1]
    label = "insufficient" if last.verdict == "insufficient" else words
    base.note(
        figure,
        label,
        palette,
        x=base.middle(last.start, last.end, timezone),
        y=top / 2,
        bgcolor=palette.background,
        borderpad=2,
        font={"size": 11, "color": palette.text},
    )
    low = min([0.0, *numbers])
    return [low, top]
