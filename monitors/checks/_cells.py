"""What the checks share: cell counts as shares, with NaN where there is nothing to say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_data.profile import ColumnProfile

Values = NDArray[np.float64]


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Values:
    """Return ``part / whole``, NaN where ``whole`` is zero; the arrays broadcast."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    if (whole > 0).all():
        return np.asarray(part / whole)
    found = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    return np.asarray(np.divide(part, whole, out=found, where=whole > 0))


def shares(cells: NDArray[Any]) -> Values:
    """Return each cell's share of the rows that fell into a cell: (..., cells), NaN for a profile of no such rows."""
    return ratio(cells, cells.sum(axis=-1, keepdims=True))


def merge_groups(expected: Values, least: NDArray[Any]) -> NDArray[np.int64]:
    """Number groups of neighbouring cells so that each holds ``least`` expected rows or more.

    ``expected`` is (windows, cells), ``least`` (windows,); returns group numbers (windows, cells), ascending along the
    cells. A remainder at the end joins the last full group; a window that cannot fill one group gets a single one.
    """
    full = np.empty(expected.shape[::-1], dtype=bool)  # whether a cell fills the group that it is in
    held = np.zeros(expected.shape[0])
    for more, fills in zip(np.ascontiguousarray(expected.T), full, strict=True):
        held += more
        np.greater_equal(held, least, out=fills)
        np.putmask(held, fills, 0.0)
    groups = np.cumsum(full, axis=0, dtype=np.int64)
    last_full = np.maximum(groups[-1] - 1, 0) if len(groups) else 0
    groups -= full
    return np.minimum(groups, last_full).T


def merged_counts(
    reference: NDArray[Any], current: NDArray[Any], *, nominal: bool, finest: int | None = None
) -> tuple[Values, Values]:
    """Return both sides' counts (windows, groups) over merged cells; groups that a window does not need are zero on both.

    ``reference`` and ``current`` are counts (..., cells) that broadcast; their leading axes are flattened to one. Cells are
    merged, neighbours with neighbours (``nominal``: from the most to the least frequent), until each expects at least 5 rows
    in the smaller of both samples (Cochran 1954), and into at most ``finest`` groups if given.
    """
    left, right = np.broadcast_arrays(np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64))
    n_cells = left.shape[-1]
    left, right = left.reshape(-1, n_cells), right.reshape(-1, n_cells)
    n_left, n_right = left.sum(axis=1), right.sum(axis=1)
    pooled = (left + right) / np.maximum(n_left + n_right, 1.0)[:, None]  # counts are whole: 0 where there are none
    smaller = np.minimum(n_left, n_right)
    least = np.full(smaller.shape, 5.0) if finest is None else np.maximum(5.0, smaller / finest)
    if nominal:
        order = np.argsort(-pooled, axis=1, kind="stable")
        left, right, pooled = (np.take_along_axis(part, order, axis=1) for part in (left, right, pooled))
    groups = merge_groups(pooled * smaller[:, None], least)
    flat = (groups + n_cells * np.arange(len(left))[:, None]).ravel()

    def grouped(part: Values) -> Values:
        sums = np.bincount(flat, part.ravel(), minlength=len(left) * n_cells).reshape(-1, n_cells)
        return np.asarray(sums, dtype=np.float64)

    return grouped(left), grouped(right)


def expected_counts(left: Values, right: Values) -> tuple[Values, Values]:
    """Return the counts (windows, groups) that both sides would have if they were of one source."""
    n_left, n_right = left.sum(axis=1, keepdims=True), right.sum(axis=1, keepdims=True)
    total = left + right
    return total * ratio(n_left, n_left + n_right), total * ratio(n_right, n_left + n_right)


def two_sample_chi_square(
    reference: NDArray[Any], current: NDArray[Any], *, nominal: bool, finest: int | None = None
) -> tuple[Values, Values]:
    """Return the two-sample chi-square statistic and its degrees of freedom over :func:`merged_counts`.

    NaN where a sample is empty; 0 with 0 degrees of freedom where one group is left.
    """
    lead = np.broadcast_shapes(np.shape(reference), np.shape(current))[:-1]
    left, right = merged_counts(reference, current, nominal=nominal, finest=finest)
    statistic = np.zeros(len(left))
    for observed, expected in zip((left, right), expected_counts(left, right), strict=True):
        gaps = np.square(observed - expected)
        statistic += np.divide(gaps, expected, out=gaps, where=expected > 0).sum(
            axis=1
        )  # none are expected where none are
    freedom = np.maximum(((left + right) > 0).sum(axis=1) - 1.0, 0.0)
    empty = (left.sum(axis=1) == 0) | (right.sum(axis=1) == 0)
    statistic[empty] = freedom[empty] = np.nan
    return statistic.reshape(lead), freedom.reshape(lead)


def sides(reference: ColumnProfile, current: ColumnProfile) -> tuple[Values, Values]:
    """Return both sides' cell counts as floats of one shape (..., cells)."""
    left, right = np.broadcast_arrays(reference.cells.astype(np.float64), current.cells.astype(np.float64))
    return left, right


def finite(values: Values) -> Values:
    """Return the values with NaN for what overflowed: numbers near 1e308 have no finite moments."""
    return np.asarray(np.where(np.isfinite(values), values, np.nan), dtype=np.float64)
