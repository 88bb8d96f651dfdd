"""The ways to choose the rows to learn from that a backtest tries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from reference_data.section import parse_duration
from reference_data.windows import Window
from retraining.period import before, day_words

#: The latest so many hold-outs are tried, each as a period of its own.
RECENT = (16, 8, 4)
#: Weighted rows count half after so many hold-outs; the oldest rows are so many hold-outs.
HALF_LIFE, OLDEST = 8, 8
#: The same season is a year before the judged stretch, give or take this.
YEAR, SEASON = timedelta(days=365), timedelta(weeks=10)
ALL, CHANGE, WEIGHTED, SEASONAL, FIRST, CHAMPION = (
    "all", "since change", "weighted", "same season", "first model", "champion",
)  # fmt: skip
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows of a period, weighted by age if there is a half-life. ``words`` follow "learned from"."""

    name: str
    words: str
    window: Window
    half_life: str | None = None


def choices(first: datetime, cut: datetime, holdout: str, change: datetime | None, timezone: str) -> list[Choice]:
    """Return what may be learned at ``cut`` from rows of ``first`` and later, to judge the ``holdout`` that follows; simplest first.

    All times aware; ``change`` is when the rule changed, where that is known. What hardly differs from all rows, or is
    shorter than a hold-out, is left out.
    """
    zone, length = ZoneInfo(timezone), parse_duration(holdout)
    found = [Choice(ALL, "all labelled rows", Window(first, cut))]
    if change is not None and first < change <= before(cut, length, zone):
        found.append(Choice(CHANGE, f"rows since the change of {day_words(change, zone)}", Window(change, cut)))
    found += [
        Choice(f"last {times(count, holdout)}", f"the latest {_long(count, holdout)}", Window(start, cut))
        for count in RECENT
        if (start := before(cut, count * length, zone)) > first
    ]
    if before(cut, HALF_LIFE * length, zone) > first:
        half = times(HALF_LIFE, holdout)
        words = f"all rows, those {_long(HALF_LIFE, holdout)} older count half"
        found.append(Choice(WEIGHTED, words, Window(first, cut), half))
    if before(cut, 2 * OLDEST * length, zone) > first:
        end = before(first, -OLDEST * length, zone)
        found.append(
            Choice(f"first {times(OLDEST, holdout)}", f"the first {_long(OLDEST, holdout)}", Window(first, end))
        )
    middle = cut + length / 2 - YEAR
    season = Window(max(first, middle - SEASON), middle + SEASON)
    if length * 4 <= SEASON and season.start + length <= season.end:
        words = f"the same season a year before, to {day_words(season.end, zone)}"
        found.append(Choice(SEASONAL, words, season))
    return found


def times(count: int, length: str) -> str:
    """Return a length so many times over, as it is declared: 8 times ``1w`` is ``8w``."""
    parse_duration(length)
    length = length.strip()
    return f"{count * int(length[:-1])}{length[-1]}"


def _long(count: int, length: str) -> str:
    name = times(count, length)
    return f"{name[:-1]} {_UNITS[name[-1]]}"
