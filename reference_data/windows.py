"""Windows and buckets: stretches of event time, in a model's own time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_MOST = 9999
_SPEC = re.compile(r"(\d+)\s*([hdw])")
_SPOKEN = {"h": ("hour", "hourly"), "d": ("day", "daily"), "w": ("week", "weekly")}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Event times from ``start`` (included) to ``end`` (excluded), both aware, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How long windows are, and where they begin.

    Days and weeks are calendar days of ``timezone`` (23 or 25 hours long when clocks change), counted from ``anchor``, a local
    date; hours are counted in UTC from the epoch.
    """

    length: int
    unit: str
    timezone: str = "UTC"
    anchor: date = date(1970, 1, 5)  # a Monday

    @classmethod
    def parse(cls, text: str, timezone: str = "UTC", anchor: date | None = None) -> WindowSpec:
        """Read ``"1h"``, ``"1d"``, ``"1w"`` …; raises :class:`ValueError` naming what is allowed."""
        match = _SPEC.fullmatch(text.strip())
        if match is None or not 1 <= int(match[1]) <= _MOST:
            raise ValueError(
                f"window {text!r} is not understood; write a number up to {_MOST} and h, d or w, such as '1h', '1d' or '1w'"
            )
        return cls(int(match[1]), match[2], timezone, anchor or date(1970, 1, 5))

    def __str__(self) -> str:
        """Return the declaration's spelling."""
        return f"{self.length}{self.unit}"

    def many(self, windows: int) -> str:
        """Return a number of windows in words: "5 weekly windows", "1 daily window", "3 windows of 6 hours"."""
        word, often = _SPOKEN[self.unit]
        noun = f"window{'' if windows == 1 else 's'}"
        return f"{windows} {often} {noun}" if self.length == 1 else f"{windows} {noun} of {self.length} {word}s"

    @property
    def bucket(self) -> WindowSpec:
        """Return the smallest stretch that profiles are kept for: an hour, or a day when windows are days or weeks."""
        return WindowSpec(1, "h" if self.unit == "h" else "d", self.timezone, self.anchor)

    def containing(self, moment: datetime) -> Window:
        """Return the window that holds ``moment`` (aware; raises :class:`ValueError` if naive)."""
        if moment.tzinfo is None:
            raise ValueError(f"time {moment} has no time zone; give one")
        if self.unit == "h":
            width = timedelta(hours=self.length)
            start = datetime.fromtimestamp((moment.timestamp() // width.total_seconds()) * width.total_seconds(), UTC)
            return Window(start, start + width)
        days = self.length * (7 if self.unit == "w" else 1)
        local = moment.astimezone(ZoneInfo(self.timezone)).date()
        first = self.anchor + timedelta(days=(local - self.anchor).days // days * days)
        return Window(self._midnight(first), self._midnight(first + timedelta(days=days)))

    def between(self, since: datetime, until: datetime) -> Iterator[Window]:
        """Yield, in order, the windows that begin before ``until`` and end after ``since``."""
        window = self.containing(since)
        while window.start < until:
            yield window
            window = self.containing(window.end)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)
