"""One category against all others: what the z-test and Fisher's test have in common."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio


def category_scores(left: Values, right: Values) -> Values:
    """Return the absolute two-proportion z of each category (..., cells) from counts; NaN where a side has no values."""
    n, m = left.sum(axis=-1, keepdims=True), right.sum(axis=-1, keepdims=True)
    pooled = ratio(left + right, n + m)
    deviation = np.sqrt(pooled * (1 - pooled) * ratio(n + m, n * m))
    gap = np.abs(ratio(right, m) - ratio(left, n))
    return np.asarray(np.where(np.isnan(gap), np.nan, np.divide(gap, deviation, out=0 * gap, where=deviation > 0)))


def frequent(left: Values, right: Values) -> Values:
    """Return where a category (..., cells) expects 5 rows in the smaller sample, as the normal approximation wants; with two all do."""
    n, m = left.sum(axis=-1, keepdims=True), right.sum(axis=-1, keepdims=True)
    expected = np.nan_to_num(ratio(left + right, n + m)) * np.minimum(n, m)
    few = ((left + right) > 0).sum(axis=-1, keepdims=True) <= 2
    return np.asarray((expected >= 5) | few, dtype=np.float64)


def compared_categories(left: Values, right: Values) -> Values:
    """Return how many tests the categories stand for: with two of them, one is the other's mirror image."""
    filled = ((left + right) > 0).sum(axis=-1).astype(np.float64)
    return np.asarray(np.where(filled <= 2, 1.0, filled))
