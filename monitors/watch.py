"""What is wrong with Driftdeck itself and with what feeds it: monitors that do not run, sources that fail or dry up. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from monitors.conditions import Condition
from monitors.schedule import next_time

PATIENCE = timedelta(minutes=5)  # nothing is late before that, however often it is to run
OFTEN = timedelta(hours=1)  # what runs again so soon may fail once before anybody is told
GAPS = 3  # usual gaps without anything new after which a source is stale
WEEK = timedelta(days=7)
WEEKS = 4  # that say what is usual
LONGEST_GAP = timedelta(days=3)  # a young source may have nothing new for so long: perhaps it sleeps at week-ends


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: when it began, and whether it did what it was to do."""

    at: datetime
    well: bool
    error: str | None = None


def late_since(schedule: str, timezone: str, since: datetime, now: datetime) -> datetime | None:
    """Return when something with a schedule by time should have run, if that is more than two of its intervals ago; None if not.

    ``since``: when it began last, or since when its times have been kept, whichever is later.
    """
    first = next_time(schedule, timezone, since)
    third = next_time(schedule, timezone, next_time(schedule, timezone, first))
    return first if now >= max(third, first + PATIENCE) else None


def broken(runs: Sequence[Ended]) -> bool:
    """Whether a monitor (its finished runs, latest first) failed twice in a row."""
    return len(runs) >= 2 and not runs[0].well and not runs[1].well


def failing(runs: Sequence[Ended], schedule: str, timezone: str) -> bool:
    """Whether a source (its finished runs, latest first) failed: twice in a row, or once where the next time is far."""
    if not runs or runs[0].well:
        return False
    return broken(runs) or next_time(schedule, timezone, runs[0].at) - runs[0].at > OFTEN


def stale(arrivals: Sequence[datetime], history: datetime, now: datetime) -> bool:
    """Whether nothing new has come for so long that three times more should have come by what is usual.

    ``arrivals``: when something new came, oldest first; ``history``: since when they are known. What is usual at nights and
    week-ends is seen in the weeks before: in the same stretch of each of the latest four, as far as known, how often did something
    come? In two of three weeks at least it must have been three times. A younger source has three of its longest gaps, and three days.
    """
    if len(arrivals) <= GAPS:
        return False
    last = arrivals[-1]
    longest = max(after - before for before, after in pairwise(arrivals))
    if now - last > max(GAPS * longest, LONGEST_GAP):
        return True
    weeks = [k for k in range(1, WEEKS + 1) if last - k * WEEK >= history]
    until = min(now, last + WEEK)
    counts = [bisect_right(arrivals, until - k * WEEK) - bisect_left(arrivals, last - k * WEEK) for k in weeks]
    usual = sum(count > GAPS for count in counts)  # one of them is what the stretch begins with
    return bool(weeks) and 3 * usual >= 2 * len(weeks)


def watchdog(headline: str, message: str) -> Condition:
    """Return what is wrong with Driftdeck's own doing, of one model."""
    return _condition("watchdog", headline, message, None)


def job(headline: str, message: str, source: str | None) -> Condition:
    """Return what is wrong with a source, or (None) with a training."""
    return _condition("job", headline, message, source)


def _condition(kind: str, headline: str, message: str, source: str | None) -> Condition:
    return Condition(
        kind="watchdog" if kind == "watchdog" else "job",
        severity="warning",
        column=None,
        members=(),
        significant=False,
        material=True,
        harmful=False,
        headline=headline,
        message=message,
        source=source,
    )
