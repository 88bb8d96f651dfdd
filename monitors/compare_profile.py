"""One column of a one-off comparison, profiled: read once where it is short, in bounded memory where it is long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.compute as pc

from monitors.compare_inputs import Pair
from reference_data.bins import Bins
from reference_data.profile import BinnedColumn, ColumnProfile, Profile
from reference_data.schema import Column
from storage.column_profile import (
    ColumnRows,
    Counted,
    Groups,
    count_values,
    freeze_rows,
    is_ordered,
    merge_counted,
    profile_column,
    profile_counted,
    profile_nominal,
)
from storage.column_values import Values
from storage.tally import numbers

_DAY = 86_400
_MUCH, _FIVE = 0.01, 5


@dataclass(frozen=True, slots=True)
class Profiled:
    """A column of both sides on cells frozen in the reference (``shown``), and on those the test takes (``evidence``).

    Each is (reference, current); the reference without a leading axis, the current side (1,). ``once``: values that occur once
    in the reference. ``daily``: both sides by day, on the cells of the evidence, if their days are known. ``newcomer``: the most
    frequent value that the reference never held.
    """

    pair: Pair
    shown: tuple[ColumnProfile, ColumnProfile]
    evidence: tuple[ColumnProfile, ColumnProfile]
    once: int
    daily: tuple[Profile, Profile] | None
    newcomer: Newcomer | None = None


@dataclass(frozen=True, slots=True)
class Newcomer:
    """The most frequent value that the reference never held: ``rows`` of the current side, out of ``rivals`` values as frequent.

    ``usual``: the reference's own days have values of their own that are as frequent, so one more says nothing.
    """

    value: str
    rows: int
    rivals: int
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Days:
    """The days of one side, in order, and which of them each row belongs to."""

    days: tuple[datetime, ...]
    groups: Groups


def find_days(pair: Pair) -> tuple[Days, Days]:
    """Return the days of a column of times: the reference's and the current side's."""
    assert pair.reference is not None
    assert pair.current is not None
    return _split(_days(pair.reference)), _split(_days(pair.current))


def _split(codes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Days:
    never = np.iinfo(np.int64).min
    held, place = np.unique(codes[codes > never], return_inverse=True)
    found = np.full(len(codes), -1, dtype=np.int64)
    found[codes > never] = place
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Days(tuple(epoch + timedelta(days=int(day)) for day in held), Groups(found, len(held)))


def _days(values: Values) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the day of each row, counted from 1970; the least integer where there is none."""
    parts = []
    for piece in values.pieces():
        seconds, null = numbers(piece)
        days = np.floor(np.nan_to_num(seconds) / _DAY).astype(np.int64)
        if null is not None:
            days[null] = np.iinfo(np.int64).min
        parts.append(days)
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def profile_pair(pair: Pair, days: tuple[Days, Days] | None) -> Profiled:
    """Profile both sides of a column that can be compared."""
    return _ordered(pair, days) if is_ordered(pair.column) else _nominal(pair, days)


def _ordered(pair: Pair, days: tuple[Days, Days] | None) -> Profiled:
    assert pair.reference is not None
    assert pair.current is not None
    rows = ColumnRows(pair.reference)
    entry = freeze_rows(pair.column, rows)
    reference = profile_column(entry, rows)
    now = ColumnRows(pair.current)
    daily = None
    if days is not None:
        daily = profile_column(entry, rows, days[0].groups), profile_column(entry, now, days[1].groups)
    both = _both(entry, reference, profile_column(entry, now))
    return Profiled(pair, both, both, 0, daily)


def _nominal(pair: Pair, days: tuple[Days, Days] | None) -> Profiled:
    """Profile categories twice: on the reference's most frequent, and for the test on those of both sides together.

    Listed by the reference alone, a category is listed because chance favoured it there: with many categories that alone
    looks like drift. Chosen from both, the cells treat both sides alike.
    """
    assert pair.reference is not None
    assert pair.current is not None
    left = pair.counted or count_values(pair.reference)
    right = count_values(pair.current)
    together = merge_counted(left, right)
    if pair.column.type == "boolean":
        shown = pooled = _entry(pair.column, Bins("nominal", categories=("false", "true")))
    else:
        shown = _entry(pair.column, left.bins())
        pooled = _entry(pair.column, together.bins())
    both, evidence = (
        _both(entry, profile_counted(entry, left), profile_counted(entry, right)) for entry in (shown, pooled)
    )
    daily = None
    if days is not None:
        left_days, right_days = days
        daily = (
            profile_nominal(pooled, pair.reference, left_days.groups),
            profile_nominal(pooled, pair.current, right_days.groups),
        )
    newcomer = _newcomer(left, right, together)
    if newcomer is not None and daily is not None and _own_values(daily[0].column(pair.name)):
        newcomer = replace(newcomer, usual=True)
    return Profiled(pair, both, evidence, left.once, daily, newcomer)


def _newcomer(left: Counted, right: Counted, together: Counted) -> Newcomer | None:
    new = np.flatnonzero(~pc.is_in(right.values, value_set=left.values).to_numpy(zero_copy_only=False))
    if not len(new):
        return None
    most = new[right.counts[new].argmax()]
    rows = int(right.counts[most])
    return Newcomer(str(right.values[int(most)].as_py()), rows, int((together.counts >= rows).sum()))


def _own_values(days: ColumnProfile) -> bool:
    """Whether some day has a value that no other day has, in more than 1 % of its rows and in five at least."""
    cells = np.asarray(days.cells)[:, :-1]
    most = np.maximum(_MUCH * np.asarray(days.valid)[:, None], _FIVE)
    return bool(np.any((cells >= most) & ((cells > 0).sum(axis=0) == 1)))


def _entry(column: Column, bins: Bins) -> BinnedColumn:
    return BinnedColumn(column, bins)


def _both(entry: BinnedColumn, reference: Profile, current: Profile) -> tuple[ColumnProfile, ColumnProfile]:
    name = entry.column.name
    return reference.column(name), Profile(current.layout, current.counts[None], current.moments[None]).column(name)
