"""A time chart as PNG, in the dashboard's light colours; matplotlib is imported when the first one is drawn."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

WIDTH, HEIGHT, _DPI = 1000, 500, 100
_TEXT, _MUTED, _BORDER, _LINE = "#161B26", "#59616F", "#DDE1E8", "#EBEEF2"
_ACCENT, _REFERENCE, _BAND = "#0065A8", "#7C8594", "#E4E7EC"
_SEVERITY = {"page": "#B3261E", "warning": "#8F4A00", "notice": "#6A5300"}
_LONGEST = 92  # characters of a title that fit
_drawing = threading.Lock()  # its caches of fonts are not made for several threads


@dataclass(frozen=True, slots=True)
class Point:
    """One window; what cannot be said is None. ``reference``: a window of the reference itself."""

    at: datetime
    value: float | None
    threshold: float | None
    lower: float | None
    upper: float | None
    past: bool
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn; ``span`` is when the alert began and ended (None: it goes on)."""

    title: str
    subtitle: str
    footer: str
    points: Sequence[Point]
    span: tuple[datetime, datetime | None]
    severity: str
    zone: ZoneInfo


def draw(chart: Chart) -> bytes:
    """Return the chart as PNG, 1000 by 500 pixels."""
    with _drawing:
        return _draw(chart)


def _draw(chart: Chart) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor="white")
    axes = figure.add_axes((0.075, 0.17, 0.895, 0.615))
    colour = _SEVERITY.get(chart.severity, _TEXT)
    _words(figure, 0.022, 0.93, chart.title, size=15, color=_TEXT, weight="bold")
    _words(figure, 0.022, 0.868, chart.subtitle, size=11, color=_MUTED)
    _words(figure, 0.022, 0.025, chart.footer, size=9.5, color=_MUTED)
    _style(axes, chart)
    _span(axes, chart, colour)
    _series(axes, chart.points, colour)
    _legend(axes)
    out = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(out)
    return out.getvalue()


def _words(figure: Any, x: float, y: float, text: str, **look: Any) -> None:
    """Write text that is nothing but text: dollar signs begin no formula."""
    shown = "".join(_glyph(character) if character.isprintable() else " " for character in text)
    cut = shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"
    figure.text(x, y, cut, parse_math=False, **look)


@lru_cache(maxsize=4096)
def _glyph(character: str) -> str:
    """Return a character, or a square where the font has none for it."""
    from matplotlib import font_manager

    fonts: Any = font_manager
    return character if fonts.get_font(fonts.findfont("DejaVu Sans")).get_char_index(ord(character)) else "□"


def _style(axes: Any, chart: Chart) -> None:
    from matplotlib import dates

    ticks: Any = dates  # without types of its own
    locator = ticks.AutoDateLocator(tz=chart.zone, minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ticks.ConciseDateFormatter(locator, tz=chart.zone))
    axes.grid(axis="y", color=_LINE, linewidth=1)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_BORDER)
    axes.tick_params(colors=_MUTED, labelsize=9.5, length=0, pad=6)
    axes.margins(x=0.02, y=0.12)


def _span(axes: Any, chart: Chart, colour: str) -> None:
    """Shade when the alert was open."""
    begin, end = chart.span
    last = max((point.at for point in chart.points), default=begin)
    until = max(end or last, begin)
    axes.axvspan(begin, until, color=colour, alpha=0.08, linewidth=0, label="alert")
    axes.axvline(begin, color=colour, linewidth=1.2)


def _series(axes: Any, points: Sequence[Point], colour: str) -> None:
    banded = [point for point in points if point.lower is not None and point.upper is not None]
    if banded:
        axes.fill_between(
            [point.at for point in banded],
            [point.lower for point in banded],
            [point.upper for point in banded],
            color=_BAND,
            linewidth=0,
            step="mid",
            label="usual",
        )
    limited = [point for point in points if point.threshold is not None]
    if limited:
        at, limits = [point.at for point in limited], [point.threshold for point in limited]
        axes.plot(at, limits, color=_MUTED, linewidth=1.3, linestyle=(0, (4, 3)), drawstyle="steps-mid", label="limit")
    for reference, line, label in ((True, _REFERENCE, "reference"), (False, _ACCENT, "value")):
        known = [point for point in points if point.reference is reference and point.value is not None]
        if known:
            at, values = [point.at for point in known], [point.value for point in known]
            axes.plot(at, values, color=line, linewidth=2, marker="o", markersize=4.5, label=label)
    past = [point for point in points if point.past and point.value is not None]
    if past:
        at, values = [point.at for point in past], [point.value for point in past]
        axes.plot(at, values, color=colour, linestyle="none", marker="D", markersize=7.5, label="past the limit")


def _legend(axes: Any) -> None:
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.005), ncols=6, frameon=False, fontsize=9.5, labelcolor=_MUTED,
        handlelength=1.6, columnspacing=1.4, borderaxespad=0,
    )  # fmt: skip
