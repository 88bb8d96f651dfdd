"""What the checks share: cell counts as shares, with NaN where there is nothing to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    return merge_each([expected], [least])[0]


def merge_each(expected: Sequence[Values], least: Sequence[NDArray[Any]]) -> list[NDArray[np.int64]]:
    """Return :func:`merge_groups` of several columns with as many windows each: their cells are gone through together."""
    order = sorted(range(len(expected)), key=lambda place: -expected[place].shape[1])  # the longest first
    windows, most = len(expected[order[0]]), expected[order[0]].shape[1]
    laid = np.zeros((most, len(order) * windows))
    spans = {place: slice(at * windows, (at + 1) * windows) for at, place in enumerate(order)}
    for place, span in spans.items():
        laid[: expected[place].shape[1], span] = expected[place].T
    full = np.zeros(laid.shape, dtype=bool)  # whether a cell fills the group that it is in
    limit, held = np.concatenate([least[place] for place in order]), np.zeros(laid.shape[1])
    for cell in range(most):
        many = sum(part.shape[1] > cell for part in expected) * windows
        own, fills = held[:many], full[cell, :many]
        own += laid[cell, :many]
        np.greater_equal(own, limit[:many], out=fills)
        np.putmask(own, fills, 0.0)
    return [_numbered(full[: part.shape[1], spans[place]]) for place, part in enumerate(expected)]


def _numbered(full: NDArray[np.bool_]) -> NDArray[np.int64]:
    groups = np.cumsum(full, axis=0, dtype=np.int64)
    last_full = np.maximum(groups[-1] - 1, 0) if len(groups) else 0
    groups -= full
    return np.asarray(np.minimum(groups, last_full).T)


def merged_counts(
    reference: NDArray[Any], current: NDArray[Any], *, nominal: bool, finest: int | None = None
) -> tuple[Values, Values]:
    """Return both sides' counts (windows, groups) over merged cells; groups that a window does not need are zero on both.

    ``reference`` and ``current`` are counts (..., cells) that broadcast; their leading axes are flattened to one. Cells are
    merged, neighbours with neighbours (``nominal``: from the most to the least frequent), until each expects at least 5 rows
    in the smaller of both samples (Cochran 1954), and into at most ``finest`` groups if given.
    """
    paired = Paired.of(reference, current, nominal=nominal, finest=finest)
    return paired.grouped(merge_groups(paired.expected, paired.least))


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """Both sides' counts (windows, cells) in the order in which cells are merged, how many rows each expects, and how many it needs."""

    left: Values
    right: Values
    expected: Values
    least: Values

    @classmethod
    def of(cls, reference: NDArray[Any], current: NDArray[Any], *, nominal: bool, finest: int | None = None) -> Paired:
        """Take counts as :func:`merged_counts` does."""
        shape = np.broadcast_shapes(np.shape(reference), np.shape(current))
        both = np.empty((2, *shape))
        both[0], both[1] = reference, current
        left, right = both.reshape(2, -1, shape[-1])
        n_left, n_right = left.sum(axis=1), right.sum(axis=1)
        pooled = (left + right) / np.maximum(n_left + n_right, 1.0)[:, None]  # counts are whole: 0 where there are none
        smaller = np.minimum(n_left, n_right)
        least = np.full(smaller.shape, 5.0) if finest is None else np.maximum(5.0, smaller / finest)
        if nominal:
            order = np.argsort(-pooled, axis=1, kind="stable")
            left, right, pooled = (np.take_along_axis(part, order, axis=1) for part in (left, right, pooled))
        return cls(left, right, pooled * smaller[:, None], least)

    def grouped(self, groups: NDArray[np.int64]) -> tuple[Values, Values]:
        """Return the counts of both sides by group, (windows, groups)."""
        many, n_cells = self.left.shape
        flat = (groups + n_cells * np.arange(many)[:, None]).ravel()

        def of_groups(part: Values) -> Values:
            sums = np.bincount(flat, part.ravel(), minlength=many * n_cells).reshape(many, n_cells)
            return np.asarray(sums, dtype=np.float64)

        return of_groups(self.left), of_groups(self.right)


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
    statistic, freedom = merged_chi_square(*merged_counts(reference, current, nominal=nominal, finest=finest))
    return statistic.reshape(lead), freedom.reshape(lead)


def merged_chi_square(left: Values, right: Values) -> tuple[Values, Values]:
    """Return the statistic and its degrees of freedom, (windows,), of what :func:`merged_counts` gives."""
    n_left, n_right, total = left.sum(axis=1), right.sum(axis=1), left + right
    whole = np.maximum(n_left + n_right, 1.0)  # counts are whole
    statistic = np.zeros(len(left))
    for observed, n in ((left, n_left), (right, n_right)):
        expected = total * (n / whole)[:, None]
        gaps = np.square(observed - expected)
        np.divide(gaps, expected, out=gaps, where=expected > 0)  # where none are expected none are
        statistic += gaps.sum(axis=1)
    freedom = np.maximum((total > 0).sum(axis=1) - 1.0, 0.0)
    empty = (n_left == 0) | (n_right == 0)
    statistic[empty] = freedom[empty] = np.nan
    return statistic, freedom


def sides(reference: ColumnProfile, current: ColumnProfile) -> tuple[Values, Values]:
    """Return both sides' cell counts as floats of one shape (..., cells)."""
    left, right = np.broadcast_arrays(reference.cells.astype(np.float64), current.cells.astype(np.float64))
    return left, right


def finite(values: Values) -> Values:
    """Return the values with NaN for what overflowed: numbers near 1e308 have no finite moments."""
    return np.asarray(np.where(np.isfinite(values), values, np.nan), dtype=np.float64)
