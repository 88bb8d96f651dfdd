"""The service around a model in panels on one time axis, quality first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard import text
from dashboard.charts import base
from dashboard.theme import Palette
from service.outcome_views import ServicePoint
from service.views import Marker, PerformancePoint

_PANEL, _GAP, _TOP = 104, 34, 46  # pixels


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    role: str  # attribute of the palette
    value: Callable[[ServicePoint], float | None]


_PANELS: tuple[tuple[str, str, tuple[_Line, ...]], ...] = (
    (
        "Latency",
        "ms",
        (
            _Line("median", "muted", lambda p: p["latency_p50"]),
            _Line("95 of 100 within", "accent", lambda p: p["latency_p95"]),
            _Line("99 of 100 within", "model", lambda p: p["latency_p99"]),
        ),
    ),
    ("Throughput", "/s", (_Line("rows a second", "accent", lambda p: p["rows_per_second"]),)),
    ("Errors", "%", (_Line("of requests", "page", lambda p: None if p["error_share"] is None else 100 * p["error_share"]),)),
    ("Processor", "cores", (_Line("in use", "accent", lambda p: p["cpu"]),)),
    ("Memory", "MB", (_Line("resident", "accent", lambda p: None if p["memory"] is None else p["memory"] / 1e6),)),
)  # fmt: skip

_SLOW = 0.1  # rows a second, below which nobody can read them


def hourly(points: Sequence[ServicePoint]) -> bool:
    """Say whether so few rows come that they are told by the hour."""
    return 0 < max((p["rows_per_second"] or 0.0 for p in points), default=0.0) < _SLOW


def rate(point: ServicePoint, *, an_hour: bool) -> float | None:
    """Return the rows a second, or an hour."""
    found = point["rows_per_second"]
    return found if found is None or not an_hour else 3600 * found


_HOURLY = ("Throughput", "/h", (_Line("rows an hour", "accent", lambda p: rate(p, an_hour=True)),))


def panels(
    points: Sequence[ServicePoint],
    quality: Sequence[PerformancePoint],
    palette: Palette,
    *,
    timezone: str,
    metric: str,
    unit: str,
    markers: Sequence[Marker] = (),
) -> go.Figure:
    """Return one panel for quality and one for each kind of number that was logged or reported; the others are left out."""
    told = [_HOURLY if panel[0] == _HOURLY[0] and hourly(points) else panel for panel in _PANELS]
    shown = [panel for panel in told if any(line.value(p) is not None for line in panel[2] for p in points)]
    served = _served(quality)
    rows = len(shown) + bool(served)
    height = _TOP + rows * (_PANEL + _GAP) + 24
    figure = base.new(palette, height, top=_TOP, left=64)
    base.lay(figure, xaxis=base.time_axis(palette), showlegend=False)
    number = 0
    if served:
        number += 1
        label = f"<b>Quality</b> {text.figure(metric)}"
        _axis(figure, number, rows, palette, unit, label)
        _trace(
            figure,
            number,
            [base.middle(p["start"], p["end"], timezone) for p in served],
            [p["value"] for p in served],
            palette.accent,
            [f"{text.window_name(p['start'], p['end'], timezone)} · {text.measured(p['value'], unit)}" for p in served],
        )  # fmt: skip
    for name, said, lines in shown:
        number += 1
        words = ", ".join(f'<span style="color:{getattr(palette, line.role)}">{line.name}</span>' for line in lines)
        _axis(figure, number, rows, palette, said, f"<b>{name}</b> {words}")
        for line in lines:
            _trace(
                figure,
                number,
                [base.middle(p["start"], p["end"], timezone) for p in points],
                [line.value(p) for p in points],
                getattr(palette, line.role),
                [f"{text.window_name(p['start'], p['end'], timezone)} · {line.name} {text.number(line.value(p), said)}" for p in points],
            )  # fmt: skip
    base.events(figure, markers, palette, timezone, letters=base.HALF)
    return figure


def _served(quality: Sequence[PerformancePoint]) -> list[PerformancePoint]:
    """Return one point a window: that of the version which answered, before one of the same window without a value."""
    served = sorted((p for p in quality if p["role"] in ("serving", "reference")), key=lambda p: p["value"] is not None)
    return sorted({p["start"]: p for p in served}.values(), key=lambda p: p["start"])


def _axis(figure: go.Figure, number: int, rows: int, palette: Palette, unit: str, label: str) -> None:
    """Place the nth panel from the top, all of one height, on the one time axis."""
    inner = rows * (_PANEL + _GAP)
    top = 1 - ((number - 1) * (_PANEL + _GAP) + _GAP * 0.6) / inner
    bottom = top - _PANEL / inner
    name = "yaxis" if number == 1 else f"yaxis{number}"
    base.lay(figure,
        {name: base.value_axis(palette, unit, rangemode="tozero", domain=[max(bottom, 0), min(top, 1)], nticks=4, fixedrange=True)}
    )  # fmt: skip
    base.note(
        figure, label, palette, x=0, xref="paper", xanchor="left", xshift=-50, y=min(top, 1), yref="paper", yanchor="bottom",
        font={"size": 12, "color": palette.text},
    )  # fmt: skip
    if number == rows:
        base.lay(figure, xaxis={"anchor": "y" if number == 1 else f"y{number}"})


def _trace(
    figure: go.Figure, number: int, x: Sequence[str], y: Sequence[float | None], colour: str, words: Sequence[str]
) -> None:
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            yaxis="y" if number == 1 else f"y{number}",
            mode="lines+markers",
            line={"color": colour, "width": 1.8},
            marker={"color": colour, "size": 4, "opacity": 1},
            connectgaps=False,
            text=words,
            hovertemplate="%{text}<extra></extra>",
        )
    )
