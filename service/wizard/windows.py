"""How long windows are to be, and which of them are what normal is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from reference_data.windows import WindowSpec
from service.wizard.times import TimeFacts

LENGTHS = ("1h", "2h", "3h", "6h", "12h", "1d", "1w", "4w", "13w", "52w")
_ROWS, _FEW_ROWS = 400, 80  # a window should have so many rows; with fewer than the latter little can be said
_WINDOWS = 12  # that there should be, for some to learn from and some to judge
_DAYS = 10  # from which on hours are not judged one by one: nights differ from days
LEARN = 8  # windows from which natural variation is learned well
_MOST = 60
_YEAR = 365.25 * 24


@dataclass(frozen=True, slots=True)
class Span:
    """One window of a file: from where, aware, and how many rows."""

    start: datetime
    end: datetime
    rows: int


def spans(times: TimeFacts, window: str, timezone: str) -> list[Span]:
    """Return the windows that a file's rows fall into, gaps included; they begin where the first row's day, or hours, begin."""
    zone = ZoneInfo(timezone)
    utc = [_utc(hour, times["form"], zone) for hour in times["hours"]]
    if not utc:
        return []
    anchor = utc[0].astimezone(zone).date()
    spec = WindowSpec.parse(window, timezone, anchor)
    rows: dict[int, float] = {}
    starts = list(spec.between(utc[0], utc[-1] + timedelta(microseconds=1)))
    place = 0
    for moment, count in zip(utc, times["counts"], strict=True):
        while moment >= starts[place].end:
            place += 1
        rows[place] = rows.get(place, 0.0) + count
    return [Span(w.start, w.end, round(rows.get(index, 0.0))) for index, w in enumerate(starts)]


@lru_cache(maxsize=65_536)
def _offset(day: date, zone: ZoneInfo) -> timedelta:
    return datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset() or timedelta()


def _utc(hour: int, form: str, zone: ZoneInfo) -> datetime:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    return moment - _offset(moment.date(), zone) if form == "naive" else moment


def usual_rows(found: Sequence[Span]) -> int:
    """Return the median of the rows that windows have, of those that have any."""
    held = [span.rows for span in found if span.rows]
    return round(statistics.median(held)) if held else 0


def guess_window(times: TimeFacts, timezone: str) -> tuple[str, str]:
    """Return a window's length and the reason: the shortest that has rows enough, and leaves windows enough."""
    days = (times["hours"][-1] - times["hours"][0]) / 24
    lengths = [length for length in LENGTHS if _sensible(length, days, dates=times["dates"])]
    found = {length: spans(times, length, timezone) for length in lengths}
    for rows in (_ROWS, _FEW_ROWS):
        for length in lengths:
            if usual_rows(found[length]) >= rows and len(found[length]) >= _WINDOWS:
                return (
                    length,
                    f"{usual_rows(found[length]):,} rows in {words(length)}, and {len(found[length])} of them",
                )
    able = [length for length in lengths if len(found[length]) >= 6] or lengths[:1]
    best = max(able, key=lambda length: (min(usual_rows(found[length]), _ROWS), -lengths.index(length)))
    return (
        best,
        f"{usual_rows(found[best]):,} rows in {words(best)}; shorter ones would have too few, longer ones be too few",
    )


def _sensible(length: str, days: float, *, dates: bool) -> bool:
    if length.endswith("h"):
        return not dates and days < _DAYS
    return days >= 2


def words(length: str) -> str:
    """Return a window's length in words.

    >>> words("1d"), words("6h"), words("4w")
    ('a day', '6 hours', '4 weeks')
    """
    amount, unit = int(length[:-1]), {"h": "hour", "d": "day", "w": "week"}[length[-1]]
    return f"{'an' if unit == 'hour' else 'a'} {unit}" if amount == 1 else f"{amount} {unit}s"


def guess_reference(found: Sequence[Span], window: str) -> int:
    """Return how many windows, from the first, are to be what normal is: four tenths, at least eight, some left to judge."""
    count = len(found)
    if count < 3:
        return count
    wanted = min(max(math.ceil(0.4 * count), LEARN), _MOST, max(2, count - 2))
    if window == "1d" and wanted >= 7:
        wanted = max(7, round(wanted / 7) * 7)
        if wanted > count - 2:
            wanted -= 7
    return max(1, wanted)


def in_order(rows: int, now: datetime) -> list[Span]:
    """Return days of equal numbers of rows, the latest ending with yesterday (UTC): for a file without times."""
    count = max(1, min(40, rows // 200)) if rows >= 1600 else max(1, min(8, rows // 50))
    end = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    edges = [index * rows // count for index in range(count + 1)]
    day = timedelta(days=1)
    return [
        Span(end - (count - index) * day, end - (count - index - 1) * day, edges[index + 1] - edges[index])
        for index in range(count)
    ]


def windows_a_year(window: str) -> float:
    """Return how many windows a year has."""
    hours = {"h": 1, "d": 24, "w": 168}[window[-1]] * int(window[:-1])
    return _YEAR / hours


def smallest_shift(rows: int, reference_rows: int, columns: int, window: str, warnings_per_year: float) -> float | None:
    """Return the shift of a mean, in standard deviations, that one window shows half of the time, by sampling alone.

    ``z * sqrt(1/n + 1/m)`` with z at the level that the budget leaves each test (Bonferroni): what windows vary by themselves comes on top.
    """
    if rows < 2 or reference_rows < 2 or columns < 1:
        return None
    level = min(warnings_per_year / (windows_a_year(window) * columns), 0.5)
    if not level > 0:  # no budget, which the declaration refuses in words
        return None
    return statistics.NormalDist().inv_cdf(1 - level / 2) * math.sqrt(1 / rows + 1 / reference_rows)
