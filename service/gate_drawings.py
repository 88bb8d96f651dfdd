"""Pictures of a gate as inline SVG: intervals of changes, and calibration curves. Colours are the page's, by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _MARGIN = 110, 22, 6
_SIDE, _PAD = 380, 46
_TICKS = 4


def interval(row: Mapping[str, Any], reach: float, words: str) -> str:
    """Return one change with its interval around the line of no change; ``reach`` is what the edge of the picture stands for.

    Empty where there is no interval or nothing to scale it by. ``words`` say the same to who does not see it.
    """
    change, lower, upper = row["change"], row["lower"], row["upper"]
    if change is None or lower is None or upper is None or reach <= 0:
        return ""
    middle, y = _WIDTH / 2, _HEIGHT / 2

    def x(value: float) -> float:
        return middle + max(-1.0, min(1.0, value / reach)) * (middle - _MARGIN)

    bar = f'<line class="bar" x1="{x(lower):.1f}" x2="{x(upper):.1f}" y1="{y}" y2="{y}"/>' + "".join(
        f'<line class="bar" x1="{x(end):.1f}" x2="{x(end):.1f}" y1="{y - 4}" y2="{y + 4}"/>' for end in (lower, upper)
    )
    return (
        f'<svg class="v-{escape(row["verdict"])}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{escape(words)}"><line class="zero" x1="{middle}" x2="{middle}" y1="0" y2="{_HEIGHT}"/>{bar}'
        f'<circle class="dot" cx="{x(change):.1f}" cy="{y}" r="3.5"/></svg>'
    )


def calibration(curves: Mapping[str, Sequence[Mapping[str, Any]]], *, share: bool, words: str) -> str:
    """Return what came true against what was predicted, a curve for each version, with intervals and the line of the perfect model.

    ``share``: both are between 0 and 1. The first of two curves is the champion's: open diamonds; the other has filled circles.
    """
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return ""
    ends = [point[key] for point in points for key in ("predicted", "lower", "upper")]
    low, high = (0.0, 1.0) if share else (min(ends), max(ends))
    if not share:
        low, high = low - 0.04 * (high - low or 1), high + 0.04 * (high - low or 1)
    inner = _SIDE - 2 * _PAD

    def x(value: float) -> float:
        return _PAD + (value - low) / (high - low) * inner

    def y(value: float) -> float:
        return _SIDE - _PAD - (value - low) / (high - low) * inner

    drawn = [f'<line class="perfect" x1="{x(low)}" y1="{y(low)}" x2="{x(high)}" y2="{y(high)}"/>']
    for place in range(_TICKS + 1):
        value = low + (high - low) * place / _TICKS
        text = escape(f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}").replace("-", "−")
        drawn.append(f'<line class="grid" x1="{_PAD}" x2="{_SIDE - _PAD}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        drawn.append(f'<text x="{_PAD - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{text}</text>')
        drawn.append(f'<text x="{x(value):.1f}" y="{_SIDE - _PAD + 18}" text-anchor="middle">{text}</text>')
    drawn.append(f'<text x="{_SIDE / 2}" y="{_SIDE - 8}" text-anchor="middle">predicted</text>')
    drawn.append(f'<text x="{_PAD}" y="{_PAD - 12}">came true</text>')
    for number, curve in enumerate(curves.values()):
        old = number == 0 and len(curves) > 1
        path = " ".join(f"{x(point['predicted']):.1f},{y(point['actual']):.1f}" for point in curve)
        marks = "".join(_point(x(p["predicted"]), y(p["actual"]), y(p["lower"]), y(p["upper"]), old=old) for p in curve)
        drawn.append(f'<g class="{"old" if old else "new"}"><polyline points="{path}"/>{marks}</g>')
    return (
        f'<svg class="curve" viewBox="0 0 {_SIDE} {_SIDE}" width="{_SIDE}" height="{_SIDE}" role="img" aria-label="{escape(words)}">'
        f"{''.join(drawn)}</svg>"
    )


def _point(x: float, y: float, lower: float, upper: float, *, old: bool) -> str:
    bar = f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{lower:.1f}" y2="{upper:.1f}"/>'
    if old:
        return f'{bar}<path class="dot" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5-5z"/>'
    return f'{bar}<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
