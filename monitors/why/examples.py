"""Rows that stand for a change: typical ones of what is different, not the strangest, and not all of one kind."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitors.why.rows import Grouping, Rows, Values

TYPICAL = 0.98  # quantile of the score above which rows are strange
_FROM = 0.75  # quantile from which they stand for the change
_ALIKE = 4  # of so many rows at most one comes from the same group of a column


def choose(scores: Values, groups: NDArray[np.int64], most: int) -> list[int]:
    """Return at most ``most`` row numbers, highest ``scores`` first among those that are typical.

    ``groups``: (n,) what kind of row each is; a kind has at most a fourth of the places (one at least) while others are left.
    """
    known = np.isfinite(scores)
    if not known.any() or most < 1:
        return []
    low, high = np.quantile(scores[known], [_FROM, TYPICAL])
    typical = np.flatnonzero(known & (scores >= low) & (scores <= high))
    order = typical[np.argsort(-scores[typical], kind="stable")]
    allowed, taken = max(1, math.ceil(most / _ALIKE)), dict.fromkeys(groups.tolist(), 0)
    chosen: list[int] = []
    left: list[int] = []
    for row in order.tolist():
        kind = int(groups[row])
        if taken[kind] < allowed and len(chosen) < most:
            taken[kind] += 1
            chosen.append(row)
        else:
            left.append(row)
    return (chosen + left)[:most]


def kinds(groupings: Sequence[Grouping], rows: Rows) -> NDArray[np.int64]:
    """Return the kind of each row: its groups of the given columns together."""
    found = np.zeros(len(rows), dtype=np.int64)
    for one in groupings:
        found = found * (len(one.labels) + 1) + one.codes(rows)
    return np.unique(found, return_inverse=True)[1]
