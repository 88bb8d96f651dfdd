"""Pictures of a report as inline SVG: a metric over time, columns by windows, distributions. Colours are the page's, by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import pairwise, takewhile
from typing import NamedTuple

from service import words
from service.report_data import by_version
from service.views import HeatCell, Histogram, PerformancePoint

_WIDE, _TALL, _LEFT, _RIGHT, _TOP, _FOOT = 1000, 260, 84, 12, 18, 28
_MINI = (128, 28)
_ROW, _MOST_ROWS, _NAMES = 18, 24, 190
_MARKS = {"harmful": "▲", "material": "■", "significant": "▤"}

STYLE = """
.wide>svg.plot{width:100%}:root{--band:#e4e7ec;--significant:#c9cfd8;--material:#5a9ccb}
@media(prefers-color-scheme:dark){:root{--band:#252b36;--significant:#3a4352;--material:#3e86b8}}
.plot text{font-size:12px;fill:var(--muted)}.plot .grid{stroke:var(--line);stroke-dasharray:2 3}.plot .band{fill:var(--band)}
.plot .limit{stroke:var(--fail);stroke-dasharray:6 4;fill:none}.plot text.said{fill:var(--fail);paint-order:stroke;stroke:var(--bg);stroke-width:3px}.plot .seen{fill:none;stroke:currentColor;stroke-width:2}
.plot .span{stroke:currentColor;stroke-width:1;opacity:.6}.plot .mark{fill:currentColor}.plot .past{fill:var(--fail)}
.plot .aside .seen{stroke-width:1;stroke-dasharray:2 3}.plot .aside .mark{opacity:.45}
.s0{color:var(--accent)}.s1{color:var(--pass)}.s2{color:var(--info)}
.refbar{fill:var(--old);opacity:.5}.nowbar{fill:var(--accent);fill-opacity:.14;stroke:var(--accent);stroke-width:1.5}
.c-significant{fill:var(--significant)}.c-material{fill:var(--material)}.c-harmful{fill:var(--fail)}.ground{fill:var(--panel)}
.plot text.name{fill:var(--text)}.plot text.cell{fill:var(--bg);font-size:9px}
"""


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where seconds and values stand in a picture."""

    first: float
    last: float
    low: float
    high: float

    def x(self, iso: str) -> float:
        return _LEFT + (_seconds(iso) - self.first) / (self.last - self.first) * (_WIDE - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _TALL - _FOOT - (value - self.low) / (self.high - self.low) * (_TALL - _FOOT - _TOP)


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def _svg(width: float, height: float, inner: str, label: str, kind: str = "plot") -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(words.clean(label, 300))}">{inner}</svg>'
    )


# -- a metric over time ------------------------------------------------------------------------------------------------
def over_time(
    points: Sequence[PerformancePoint], *, unit: str, timezone: str, higher_is_worse: bool, label: str
) -> str:
    """Return a metric by window: natural variation as a band, threshold dashed, 95 % intervals, a line for each version.

    Points past the threshold are triangles. ``label`` says the same to who does not see it. Empty without a value.
    """
    if all(point["value"] is None for point in points):
        return ""
    axes = _axes(points, higher_is_worse=higher_is_worse)
    drawn = [_band(points, axes), _grid(axes, unit), _days(points, timezone, axes), _limit(points, unit, axes)]
    held = by_version(points)
    for key, look in looks(held).items():
        line = _series(held[key], axes, higher_is_worse=higher_is_worse, round_marks=look.round)
        drawn.append(f'<g class="{look.kind}">{line}</g>')
    return _svg(_WIDE, _TALL, "".join(drawn), label)


class Look(NamedTuple):
    """How a line is drawn: its classes, and whether its points are round."""

    kind: str
    round: bool


def looks(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Look]:
    """Return the look of each (version, role): one colour and one mark a version, whatever its role; a shadow is thin and dotted.

    Rows without a version, beside versions that are named, are those of the reference: grey.
    """
    listed = list(keys)
    names = list(dict.fromkeys(version for version, _ in listed if version)) or [""]
    found = {}
    for version, role in listed:
        place = names.index(version) if version in names else 2
        found[version, role] = Look(f"s{min(place, 2)}{' aside' if role == 'shadow' else ''}", place % 2 == 0)
    return found


def _axes(points: Sequence[PerformancePoint], *, higher_is_worse: bool) -> _Axes:
    found = [
        (
            point["value"],
            point.get("ci_lower"),
            point.get("ci_upper"),
            point["threshold"],
            point["lower"],
            point["upper"],
        )
        for point in points
    ]
    ends = [value for each in found for value in each if value is not None]
    low, high = min(ends), max(ends)
    room = 0.08 * ((high - low) or abs(high) or 1.0)
    low = 0.0 if higher_is_worse and low >= 0 else low - room
    return _Axes(
        min(_seconds(point["start"]) for point in points),
        max(_seconds(point["end"]) for point in points),
        low,
        high + room,
    )


def _band(points: Sequence[PerformancePoint], axes: _Axes) -> str:
    return "".join(
        f'<rect class="band" x="{axes.x(p["start"]):.1f}" width="{axes.x(p["end"]) - axes.x(p["start"]):.1f}" '
        f'y="{axes.y(p["upper"]):.1f}" height="{max(0.5, axes.y(p["lower"]) - axes.y(p["upper"])):.1f}"/>'
        for p in points
        if p["lower"] is not None and p["upper"] is not None and p["role"] != "shadow"
    )


def _grid(axes: _Axes, unit: str) -> str:
    step = _step((axes.high - axes.low) / 4)
    value, drawn = math.ceil(axes.low / step) * step, []
    while value <= axes.high:
        y = axes.y(value)
        drawn.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(_tick(value, unit))}</text>')
        value = round(value + step, 12)
    return "".join(drawn)


def _step(rough: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least ``rough``."""
    size = 10.0 ** math.floor(math.log10(rough))
    return next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough * 0.999)


def _tick(value: float, unit: str) -> str:
    scale, said = (
        (100, " %")
        if unit == "share"
        else (1, f" {words.clean(unit, 16)}" if unit not in ("", *words.UNITS_UNSAID) else "")
    )
    return f"{value * scale:,.10g}{said}".replace("-", "−")


def _value(value: float, unit: str) -> str:
    return words.number(value, "share" if unit == "share" else words.clean(unit, 16) if unit else "")


def _days(points: Sequence[PerformancePoint], timezone: str, axes: _Axes) -> str:
    starts = sorted({point["start"] for point in points}, key=_seconds)
    every = max(1, math.ceil(len(starts) / 9))
    return "".join(
        f'<text x="{axes.x(start):.1f}" y="{_TALL - 8}">{escape(words.day(start, timezone))}</text>'
        for start in starts[::every]
    )


def _limit(points: Sequence[PerformancePoint], unit: str, axes: _Axes) -> str:
    """Return the threshold, which may differ from window to window, and its latest value in words."""
    known = [point for point in points if point["threshold"] is not None and point["role"] != "shadow"]
    if not known:
        return ""
    path = "".join(
        f"M{axes.x(p['start']):.1f} {axes.y(p['threshold'] or 0.0):.1f}H{axes.x(p['end']):.1f}" for p in known
    )
    last = known[-1]["threshold"] or 0.0
    stretch = list(takewhile(lambda p: p["threshold"] == last, reversed(known)))
    said = f"threshold {_value(last, unit)}"
    x, y = _free_place(said, [axes.x(p["start"]) + 4 for p in stretch], axes.y(last), _inked(points, axes))
    return f'<path class="limit" d="{path}"/><text class="said" x="{x:.1f}" y="{y:.1f}">{escape(said)}</text>'


def _free_place(
    said: str, starts: Sequence[float], line: float, inked: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Return where words stand, above or below a line at height ``line``, from one of ``starts`` on: where least is drawn under them."""
    wide = 6.5 * len(said)
    places = [(min(x, _WIDE - _RIGHT - wide), y) for x in starts for y in (line - 5, line + 14) if y > 12]

    def covered(place: tuple[float, float]) -> int:
        left, foot = place
        return sum(left - 4 < x < left + wide + 4 and foot - 13 < y < foot + 5 for x, y in inked)

    return min(places, key=covered)


def _inked(points: Sequence[PerformancePoint], axes: _Axes) -> list[tuple[float, float]]:
    """Return places on every line of the picture, some pixels apart, and on every interval."""
    found = []
    for line in by_version(points).values():
        known = [
            ((axes.x(p["start"]) + axes.x(p["end"])) / 2, axes.y(p["value"]), p) for p in line if p["value"] is not None
        ]
        for (x, y, _), (further, then, _) in pairwise(known):
            steps = max(1, int((further - x) / 5))
            found += [(x + (further - x) * i / steps, y + (then - y) * i / steps) for i in range(steps)]
        for x, y, point in known:
            low, high = point.get("ci_lower"), point.get("ci_upper")
            ends = [y] if low is None or high is None else [y, axes.y(low), axes.y(high)]
            found += [(x, place) for place in ends]
    return found


def _series(points: Sequence[PerformancePoint], axes: _Axes, *, higher_is_worse: bool, round_marks: bool) -> str:
    lines: list[list[str]] = []
    marks: list[str] = []
    run: list[str] = []
    for point in points:
        value = point["value"]
        if value is None:
            lines.append(run)
            run = []
            continue
        x, y = (axes.x(point["start"]) + axes.x(point["end"])) / 2, axes.y(value)
        run.append(f"{x:.1f},{y:.1f}")
        low, high, limit = point.get("ci_lower"), point.get("ci_upper"), point["threshold"]
        if low is not None and high is not None:
            marks.append(
                f'<line class="span" x1="{x:.1f}" x2="{x:.1f}" y1="{axes.y(low):.1f}" y2="{axes.y(high):.1f}"/>'
            )
        past = limit is not None and (value > limit if higher_is_worse else value < limit)
        marks.append(_mark(x, y, past=past, round_mark=round_marks))
    lines.append(run)
    return "".join(f'<polyline class="seen" points="{" ".join(each)}"/>' for each in lines if each) + "".join(marks)


def _mark(x: float, y: float, *, past: bool, round_mark: bool) -> str:
    if past:
        return f'<path class="past" d="M{x:.1f} {y - 6:.1f}l6 10h-12z"/>'
    if round_mark:
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    return f'<path class="mark" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5-5z"/>'


# -- columns by windows ------------------------------------------------------------------------------------------------
def heat(cells: Sequence[HeatCell], timezone: str) -> tuple[str, int]:
    """Return what moved when, a row for each column that moved at all (24 at most), and how many columns are not in the picture."""
    starts = sorted({cell["start"] for cell in cells}, key=_seconds)
    trouble: dict[str, int] = {}
    for cell in cells:
        weight = {"harmful": 1000, "material": 10, "significant": 1}.get(cell["state"], 0)
        trouble[cell["column"]] = trouble.get(cell["column"], 0) + weight
    names = sorted((name for name, weight in trouble.items() if weight), key=lambda name: -trouble[name])[:_MOST_ROWS]
    if not names:
        return "", len(trouble)
    width, height = (_WIDE - _NAMES - _RIGHT) / len(starts), _ROW * len(names)
    place = {start: _NAMES + position * width for position, start in enumerate(starts)}
    row = {name: position * _ROW for position, name in enumerate(names)}
    drawn = [f'<rect class="ground" x="{_NAMES}" y="0" width="{_WIDE - _NAMES - _RIGHT}" height="{height}"/>']
    drawn += [
        f'<text class="name" x="{_NAMES - 8}" y="{top + 13}" text-anchor="end">{escape(words.clean(name, 28))}</text>'
        for name, top in row.items()
    ]
    for cell in cells:
        if cell["column"] in row and cell["state"] in _MARKS:
            x, y = place[cell["start"]], row[cell["column"]]
            drawn.append(
                f'<rect class="c-{cell["state"]}" x="{x + 0.5:.1f}" y="{y + 0.5}" width="{max(1.0, width - 1):.1f}" height="{_ROW - 1}"/>'
            )
            if cell["state"] == "harmful" and width > 10:
                drawn.append(f'<text class="cell" x="{x + width / 2:.1f}" y="{y + 12}" text-anchor="middle">▲</text>')
    every = max(1, math.ceil(len(starts) / 9))
    drawn += [
        f'<text x="{place[start]:.1f}" y="{height + 18}">{escape(words.day(start, timezone))}</text>'
        for start in starts[::every]
    ]
    label = f"Columns that moved, by window: {', '.join(names)}"
    return _svg(_WIDE, height + 26, "".join(drawn), label), len(trouble) - len(names)


# -- distributions -----------------------------------------------------------------------------------------------------
def small(histogram: Histogram, label: str) -> str:
    """Return reference (grey bars) and current (outline) on the same bars, small enough to stand in a table."""
    width, height = _MINI
    return _svg(width, height, _bars(histogram, width, height, 0, 0), label, "mini")


def large(histogram: Histogram, label: str) -> str:
    """Return the same with its axes: share of rows, and the values or categories at the foot."""
    width, height, left, foot = 460, 190, 46, 40
    most = max([*histogram["reference"], *histogram["current"], 1e-9])
    drawn = []
    for part in (0.0, 0.5, 1.0):
        y = 8 + (height - foot - 8) * (1 - part)
        drawn.append(f'<line class="grid" x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(words.share(most * part))}</text>'
        )
    drawn.append(_bars(histogram, width - left, height - foot - 8, left, 8))
    drawn.append(_feet(histogram, left, width, height - foot + 16))
    return _svg(width, height, "".join(drawn), label)


def _bars(histogram: Histogram, width: float, height: float, left: float, top: float) -> str:
    reference, current = histogram["reference"], histogram["current"]
    most = max([*reference, *current, 1e-9])
    each = width / max(1, len(reference))

    def rows(shares: Sequence[float], kind: str, inset: float) -> str:
        return "".join(
            f'<rect class="{kind}" x="{left + place * each + inset:.1f}" y="{top + height * (1 - share / most):.1f}" '
            f'width="{max(0.5, each - 2 * inset):.1f}" height="{height * share / most:.1f}"/>'
            for place, share in enumerate(shares)
            if share > 0
        )

    return rows(reference, "refbar", 0.5) + rows(current, "nowbar", 1.0)


def _feet(histogram: Histogram, left: float, width: float, y: float) -> str:
    if histogram["labels"]:
        each = (width - left) / len(histogram["labels"])
        every = max(1, math.ceil(70 / each))
        letters = max(3, int(every * each / 7))
        return "".join(
            f'<text x="{left + (place + 0.5) * each:.1f}" y="{y}" text-anchor="middle">{escape(words.clean(name, letters))}</text>'
            for place, name in enumerate(histogram["labels"])
            if place % every == 0
        )
    edges = histogram["edges"]
    if not edges:
        return ""
    shown = [0, len(edges) // 2, len(edges) - 1]
    anchors = ("start", "middle", "end")
    return "".join(
        f'<text x="{left + (width - left) * place / (len(edges) - 1):.1f}" y="{y}" text-anchor="{anchor}">{escape(words.number(edges[place]))}</text>'
        for place, anchor in zip(shown, anchors, strict=True)
    )
