"""One column of a one-off comparison, profiled: read once where it is short, in bounded memory where it is long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from monitors.compare_inputs import Pair
from reference_data.bins import Bins
from reference_data.profile import BinnedColumn, ColumnProfile, Layout, Profile
from reference_data.schema import Column
from storage.column_profile import (
    ColumnRows,
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


@dataclass(frozen=True, slots=True)
class Profiled:
    """A column of both sides on cells frozen in the reference (``shown``), and on those the test takes (``evidence``).

    Each is (reference, current); the reference without a leading axis, the current side (1,). ``once``: values that occur once
    in the reference. ``daily``: the reference by day, on the cells of the evidence, if its days are known.
    """

    pair: Pair
    shown: tuple[ColumnProfile, ColumnProfile]
    evidence: tuple[ColumnProfile, ColumnProfile]
    once: int
    daily: Profile | None


@dataclass(frozen=True, slots=True)
class Days:
    """The days of the reference, in order, which of them each row belongs to, and on how many days the current side lies."""

    days: tuple[datetime, ...]
    groups: Groups
    current: int


def find_days(pair: Pair) -> Days:
    """Return the days of a column of times."""
    assert pair.reference is not None
    assert pair.current is not None
    codes = _days(pair.reference)
    held, place = np.unique(codes[codes >= np.iinfo(np.int64).min + 1], return_inverse=True)
    found = np.full(len(codes), -1, dtype=np.int64)
    found[codes > np.iinfo(np.int64).min] = place
    current = _days(pair.current)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    days = tuple(epoch + timedelta(days=int(day)) for day in held)
    return Days(days, Groups(found, len(held)), len(np.unique(current[current > np.iinfo(np.int64).min])))


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


def profile_pair(pair: Pair, days: Days | None) -> Profiled:
    """Profile both sides of a column that can be compared."""
    return _ordered(pair, days) if is_ordered(pair.column) else _nominal(pair, days)


def _ordered(pair: Pair, days: Days | None) -> Profiled:
    assert pair.reference is not None
    assert pair.current is not None
    rows = ColumnRows(pair.reference)
    entry = freeze_rows(pair.column, rows)
    reference = profile_column(entry, rows)
    daily = None if days is None else profile_column(entry, rows, days.groups)
    both = _both(entry, reference, profile_column(entry, ColumnRows(pair.current)))
    return Profiled(pair, both, both, 0, daily)


def _nominal(pair: Pair, days: Days | None) -> Profiled:
    """Profile categories twice: on the reference's most frequent, and for the test on those of both sides together.

    Listed by the reference alone, a category is listed because chance favoured it there: with many categories that alone
    looks like drift. Chosen from both, the cells treat both sides alike.
    """
    assert pair.reference is not None
    assert pair.current is not None
    left = pair.counted or count_values(pair.reference)
    right = count_values(pair.current)
    if pair.column.type == "boolean":
        shown = pooled = _entry(pair.column, Bins("nominal", categories=("false", "true")))
    else:
        shown = _entry(pair.column, left.bins())
        pooled = _entry(pair.column, merge_counted(left, right).bins())
    both, evidence = (
        _both(entry, profile_counted(entry, left), profile_counted(entry, right)) for entry in (shown, pooled)
    )
    daily = None if days is None else profile_nominal(pooled, pair.reference, days.groups)
    return Profiled(pair, both, evidence, left.once, daily)


def _entry(column: Column, bins: Bins) -> BinnedColumn:
    return BinnedColumn(column, bins)


def _both(entry: BinnedColumn, reference: Profile, current: Profile) -> tuple[ColumnProfile, ColumnProfile]:
    name = entry.column.name
    return reference.column(name), Profile(current.layout, current.counts[None], current.moments[None]).column(name)


def by_day(columns: Mapping[str, Profiled]) -> Profile | None:
    """Return the daily profiles of several columns as one; None if the days are not known."""
    daily = [column.daily for column in columns.values() if column.daily is not None]
    if not daily:
        return None
    layout = Layout(tuple(profile.layout.columns[0] for profile in daily))
    counts = np.concatenate([daily[0].counts[:, :1], *(profile.counts[:, 1:] for profile in daily)], axis=1)
    return Profile(layout, counts, np.concatenate([profile.moments for profile in daily], axis=1))
