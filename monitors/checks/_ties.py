"""Rank statistics of two samples from how often each value occurs on either side: the same for cells and for rows.

``a`` (reference) and ``b`` (current) are counts (..., values), the values ascending. Values in one cell count as tied, so the
statistics are exact where each value has a cell of its own, and for rows. All are NaN where a side has too few values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values, ratio


def tie_table(reference: Values, current: Values) -> tuple[Values, Values, Values]:
    """Return the distinct values of two sorted samples, ascending, and how often each occurs in either."""
    pooled = np.concatenate([reference, current])
    order = np.argsort(pooled, kind="stable")  # merges two sorted runs in linear time
    pooled = pooled[order]
    last = np.flatnonzero(np.append(pooled[1:] != pooled[:-1], True))
    below = np.cumsum(order < len(reference))[last]
    a = np.diff(below, prepend=0)
    b = np.diff(last + 1, prepend=0) - a
    return pooled[last], a.astype(np.float64), b.astype(np.float64)


def _before(counts: NDArray[Any]) -> Values:
    return np.asarray(np.cumsum(counts, axis=-1) - counts, dtype=np.float64)


def superiority(a: Values, b: Values) -> Values:
    """Return the share of pairs in which the current value is the larger one, ties counted half."""
    wins = (b * (_before(a) + a / 2)).sum(axis=-1)
    return ratio(wins, a.sum(axis=-1) * b.sum(axis=-1))


def superiority_deviation(a: Values, b: Values) -> Values:
    """Return the standard deviation of :func:`superiority` if both sides are of one source, corrected for ties."""
    n, m, t = a.sum(axis=-1), b.sum(axis=-1), a + b
    total = n + m
    tied = ratio((t**3 - t).sum(axis=-1), total * (total - 1))
    return np.asarray(np.sqrt(ratio(np.clip(total + 1 - tied, 0.0, None), 12 * n * m)))


def mann_whitney_p(a: Values, b: Values) -> Values:
    """Return the two-sided p-value by the normal approximation, corrected for ties and continuity."""
    from scipy import special

    pairs = a.sum(axis=-1) * b.sum(axis=-1)
    share = superiority(a, b)
    beyond = np.abs(share - 0.5) - ratio(np.asarray(0.5), pairs)
    deviation = superiority_deviation(a, b)
    z = np.divide(beyond, deviation, out=np.full(beyond.shape, -np.inf), where=deviation > 0)
    return np.asarray(np.where(np.isnan(share), np.nan, np.clip(2 * special.ndtr(-z), 0.0, 1.0)))


def cramer_von_mises_statistic(a: Values, b: Values, *, spread: bool = False) -> Values:
    """Return Anderson's (1962) T with midranks for ties; NaN below two values on a side.

    ``spread``: what is to be expected of T if values in one cell are not equal but lie there at random.
    """
    n, m = a.sum(axis=-1), b.sum(axis=-1)
    total, pairs = n + m, n * m
    # a rank in the pooled sample minus the rank in one's own is the number of the others below
    within_a, within_b = (b**2 + 2 * b, a**2 + 2 * a) if spread else (a**2 - 1, b**2 - 1)
    from_a = (a * ((_before(b) + b / 2) ** 2 + within_a / 12)).sum(axis=-1)
    from_b = (b * ((_before(a) + a / 2) ** 2 + within_b / 12)).sum(axis=-1)
    value = ratio(n * from_a + m * from_b, pairs * total) - ratio(4 * pairs - 1, 6 * total)
    return np.asarray(np.where((n > 1) & (m > 1), value, np.nan))


def anderson_darling_statistic(a: Values, b: Values) -> Values:
    """Return Scholz and Stephens' (1987) standardised two-sample A² with midranks (their equation 7)."""
    n, m = a.sum(axis=-1), b.sum(axis=-1)
    total = n + m
    size = total[..., None]
    t = a + b
    below = np.cumsum(t, axis=-1)
    below -= t / 2
    gap = np.cumsum(a, axis=-1)
    gap -= a / 2
    gap *= size
    gap -= below * n[..., None]  # of the current side it is the same with the other sign
    weight = below * (size - below)
    weight -= size / 4 * t
    inner = np.divide(gap * gap * t, weight, out=np.zeros_like(gap), where=weight > 0)
    value = ratio(inner.sum(axis=-1) * (total - 1), n * m * total)
    several = ((t > 0).sum(axis=-1) > 1) & (total > 3)
    return np.asarray(np.where(several, ratio(value - 1, _anderson_darling_deviation(n, m)), np.nan))


def _anderson_darling_deviation(n: Values, m: Values) -> Values:
    """Return the deviation of A² for two samples without ties; its double sum is trigamma-like and has a closed form."""
    from scipy import special

    size = np.maximum(n + m, 4.0)
    inverse = ratio(n + m, n * m)
    h = special.digamma(size) + np.euler_gamma
    # sum over i < j of 1 / ((N - i) j) = sum 1/k² over k < N, minus 2/N times sum 1/k
    g = np.pi**2 / 6 - special.zeta(2.0, size) - 2 * h / size
    a = (4 * g - 6) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * inverse + 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    variance = (a * size**3 + b * size**2 + c * size + d) / ((size - 1) * (size - 2) * (size - 3))
    return np.asarray(np.sqrt(variance))
