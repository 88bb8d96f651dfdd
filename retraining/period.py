"""Which rows to train on, and which to keep for the gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from reference_data.windows import Window
from retraining.types import TrainingError

if TYPE_CHECKING:
    import pandas as pd

#: Without an alert: the last so many hold-outs. Older rows say less and less about what comes next.
RECENT_HOLDOUTS = 8
#: A hold-out longer than this share of the period would leave too little to learn from.
_LARGEST_SHARE = 1 / 3
_FALLBACK_SHARE = 0.2
LEAST_TRAIN, LEAST_HELD = 30, 10


@dataclass(frozen=True, slots=True)
class Period:
    """Event times to train on (the hold-out is their latest part), and why these, in words."""

    window: Window
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Positions of the rows to train on and of those kept for the gate, and how they were divided, in words."""

    train: NDArray[np.intp]
    held: NDArray[np.intp]
    reason: str


def default_period(
    alert_since: datetime | None,
    first_label: datetime,
    last_label: datetime,
    holdout: timedelta,
    timezone: str = "UTC",
) -> Period:
    """Choose the event times to train on.

    Since ``alert_since`` (start of the first window of the open performance or concept alert) when that leaves at least
    twice the hold-out; else the last ``RECENT_HOLDOUTS`` hold-outs; all labelled rows when there are fewer.
    ``first_label`` and ``last_label`` are the earliest and latest *event* times that have labels. The period ends at
    the midnight in ``timezone`` that follows the last of them. All times aware; raises :class:`ValueError` for a
    hold-out that is not positive.
    """
    if holdout <= timedelta(0):
        raise ValueError(f"holdout {holdout} is not a length of time; write for example '1w'")
    zone = ZoneInfo(timezone)
    end = midnight_after(last_label, zone)
    if alert_since is not None and before(end, 2 * holdout, zone) >= alert_since:
        start = max(alert_since, first_label)
        return Period(
            Window(start, end),
            f"since the alert's first window, {day_words(start, zone)}: rows from before follow another rule",
        )
    recent = before(end, RECENT_HOLDOUTS * holdout, zone)
    why = (
        ""
        if alert_since is None
        else f"the alert, {day_words(alert_since, zone)}, is too recent to train on its rows alone; "
    )
    if recent <= first_label:
        return Period(Window(first_label, end), f"{why}all labelled rows, from {day_words(first_label, zone)}")
    return Period(Window(recent, end), f"{why}the most recent rows, from {day_words(recent, zone)}")


def split_by_time(times: pd.DatetimeIndex, end: datetime, holdout: timedelta | None, timezone: str) -> Split:
    """Divide ascending aware times into rows to train on and the most recent stretch, kept for the gate.

    The stretch is ``holdout`` long, counted back from ``end`` or from the midnight after the last row if that is earlier;
    the latest 20 % of the rows when the period is shorter than three times that. ``holdout`` None keeps nothing.
    Raises :class:`TrainingError` when either side has too few rows.
    """
    rows = np.arange(len(times), dtype=np.intp)
    if holdout is None:
        _enough(len(rows), 0, needs_held=False)
        return Split(rows, rows[:0], "no rows are kept apart: predictions out of fold are judged instead")
    _enough(len(rows), len(rows), needs_held=True)
    zone = ZoneInfo(timezone)
    end = min(end, midnight_after(times[-1].to_pydatetime(), zone))
    cut = before(end, holdout, zone)
    if (end - times[0].to_pydatetime()) * _LARGEST_SHARE < holdout:
        at = int(times.searchsorted(times[round(len(rows) * (1 - _FALLBACK_SHARE))]))
        reason = f"the period is shorter than three hold-outs of {_length(holdout)}: the latest 20 % of the rows are kept apart"
    else:
        import pandas as pd

        at = int(times.searchsorted(pd.Timestamp(cut)))
        reason = f"rows from {day_words(cut, zone)} on are kept apart"
    _enough(at, len(rows) - at, needs_held=True)
    return Split(rows[:at], rows[at:], reason)


def before(moment: datetime, length: timedelta, zone: ZoneInfo) -> datetime:
    """Return the moment ``length`` earlier on the local clock, so that days stay days when clocks change."""
    return (moment.astimezone(zone) - length).astimezone(moment.tzinfo)


def _enough(train: int, held: int, *, needs_held: bool) -> None:
    if train < LEAST_TRAIN or (needs_held and held < LEAST_HELD):
        raise TrainingError(
            f"{train} labelled rows to train on and {held} to judge by are too few: at least {LEAST_TRAIN} and {LEAST_HELD} are "
            "needed; widen the period, shorten retrain.holdout, or wait for labels"
        )


def midnight_after(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the local midnight that follows a moment."""
    day = moment.astimezone(zone).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(moment.tzinfo)


def day_words(moment: datetime, zone: ZoneInfo) -> str:
    """Return the local day of a moment, as people write it."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%B %Y}"


def _length(length: timedelta) -> str:
    return f"{length.days} days" if length >= timedelta(days=1) else f"{length.total_seconds() / 3600:g} hours"
