"""What the checks share: cell counts as shares, with NaN where there is nothing to say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Values:
    """Return ``part / whole``, NaN where ``whole`` is zero; the arrays broadcast."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0), dtype=np.float64)


def shares(cells: NDArray[Any]) -> Values:
    """Return each cell's share of the rows that fell into a cell: (..., cells), NaN for a profile of no such rows."""
    return ratio(cells, cells.sum(axis=-1, keepdims=True))


def entropy(share: Values) -> Values:
    """Return the Shannon entropy in bits over the last axis, with 0 log 0 = 0."""
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(-(share * logs).sum(axis=-1))


def merge_groups(expected: Values, least: NDArray[Any]) -> NDArray[np.int64]:
    """Number groups of neighbouring cells so that each holds ``least`` expected rows or more.

    ``expected`` is (windows, cells), ``least`` (windows,); returns group numbers (windows, cells), ascending along the
    cells. A remainder at the end joins the last full group; a window that cannot fill one group gets a single one.
    """
    groups = np.zeros(expected.shape, dtype=np.int64)
    current = np.zeros(expected.shape[0], dtype=np.int64)
    held = np.zeros(expected.shape[0])
    for cell in range(expected.shape[1]):
        groups[:, cell] = current
        held += expected[:, cell]
        full = held >= least
        current += full
        held[full] = 0.0
    last_full = np.maximum(current - 1, 0)
    return np.minimum(groups, last_full[:, None])


def two_sample_chi_square(
    reference: NDArray[Any], current: NDArray[Any], *, nominal: bool, finest: int | None = None
) -> tuple[Values, Values]:
    """Return the two-sample chi-square statistic and its degrees of freedom over merged cells.

    ``reference`` and ``current`` are counts (..., cells) that broadcast. Cells are merged, neighbours with neighbours
    (``nominal``: from the most to the least frequent), until each expects at least 5 rows in the smaller of both
    samples (Cochran 1954), and into at most ``finest`` groups if given. NaN where a sample is empty; 0 with 0 degrees of freedom where
    one group is left.
    """
    left, right = np.broadcast_arrays(np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64))
    lead, n_cells = left.shape[:-1], left.shape[-1]
    left, right = left.reshape(-1, n_cells), right.reshape(-1, n_cells)
    n_left, n_right = left.sum(axis=1), right.sum(axis=1)
    pooled = ratio(left + right, (n_left + n_right)[:, None])
    smaller = np.minimum(n_left, n_right)
    least = np.full(smaller.shape, 5.0) if finest is None else np.maximum(5.0, smaller / finest)
    if nominal:
        order = np.argsort(-pooled, axis=1, kind="stable")
        left, right, pooled = (np.take_along_axis(part, order, axis=1) for part in (left, right, pooled))
    groups = merge_groups(np.nan_to_num(pooled) * smaller[:, None], least)
    flat = (groups + n_cells * np.arange(len(left))[:, None]).ravel()

    def grouped(part: Values) -> Values:
        sums = np.bincount(flat, part.ravel(), minlength=len(left) * n_cells).reshape(-1, n_cells)
        return np.asarray(sums, dtype=np.float64)

    sums = grouped(left), grouped(right)
    total = sums[0] + sums[1]
    statistic = np.zeros(len(left))
    for observed, n in zip(sums, (n_left, n_right), strict=True):
        expected = total * ratio(n, n_left + n_right)[:, None]
        statistic += np.divide((observed - expected) ** 2, expected, out=np.zeros_like(total), where=expected > 0).sum(
            1
        )
    freedom = np.maximum((total > 0).sum(axis=1) - 1.0, 0.0)
    empty = smaller == 0
    statistic[empty] = freedom[empty] = np.nan
    return statistic.reshape(lead), freedom.reshape(lead)
