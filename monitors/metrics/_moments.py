"""Means and spreads of outcome columns, NaN where a window has no rows."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from reference_data.profile import ColumnProfile, Profile

TRUTH = frozenset({"true", "1", "yes", "correct"})


def _ordered(outcomes: Profile, name: str) -> ColumnProfile:
    column = outcomes.column(name)
    if column.mean is None:
        raise KeyError(f"column {name!r} is counted in categories, so it has no mean")
    return column


def mean_of(outcomes: Profile, name: str) -> Values:
    """Return the mean of an ordered column per window; raises :class:`KeyError` where there is none."""
    column = _ordered(outcomes, name)
    return np.asarray(np.where(column.valid > 0, np.asarray(column.mean), np.nan), dtype=np.float64)


def mean_square_of(outcomes: Profile, name: str) -> Values:
    """Return the mean of the squares, mean² + M2 / n, per window; raises :class:`KeyError` where there is none."""
    column = _ordered(outcomes, name)
    return np.asarray(mean_of(outcomes, name) ** 2 + ratio(np.asarray(column.m2), column.valid))


def share_true(outcomes: Profile, name: str) -> Values:
    """Return the share of rows in which a yes-or-no column is true; raises :class:`KeyError` where there is none."""
    column = outcomes.column(name)
    if column.mean is not None:
        return mean_of(outcomes, name)
    truth = [category.lower() in TRUTH for category in column.entry.bins.categories]
    true = column.cells[..., : len(truth)][..., np.asarray(truth, dtype=bool)].sum(axis=-1)
    return ratio(true, column.valid)
