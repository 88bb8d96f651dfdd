"""What a normal approximation cannot say of a share: rare categories by exact tails, skew taken out of the rest."""

from __future__ import annotations

import numpy as np
from scipy import special

from monitors.checks._cells import Values
from monitors.drift_null import DriftNull
from monitors.drift_scores import LEVEL, Integers

_LEAST_EXPECTED = 5.0  # rows of a category, or of a group of cells, for a normal approximation


def hold_rare(null: DriftNull, rows: Values, d: Values, z: Values, series: Integers) -> Values:
    """Return z held to what an exact test allows where fewer than 5 rows of a category are expected; groups of cells then say nothing.

    A category may rise by as much as its binomial tail at the reference's share with one more such row allows (Agresti and Coull 1998).
    All arrays are (places,): the rows, deviation and z of what is looked at, and the number of its series.
    """
    rows_now = null.population
    rare = rows * rows_now.share[series] < _LEAST_EXPECTED
    held = np.where(rare, 0.0, z)
    few = rows_now.usual[series] <= 0.5
    rises = np.flatnonzero(rare & (null.scores.kind[series] == LEVEL) & ((d > 0) == few))
    if not len(rises):
        return held
    series, few, d, z = series[rises], few[rises], d[rises], z[rises]
    n = np.rint(rows[rises]).astype(np.int64)
    now = rows_now.usual[series] + d * rows_now.sd[series]
    concerned = np.rint(n * np.where(few, now, 1 - now))
    reference = null.windows / np.maximum(null.inverse_rows[null.scores.column[series]], 1e-12)
    usual = (rows_now.share[series] * reference + 1) / (reference + 2)
    tail = np.where(concerned > 0, special.bdtrc(np.maximum(concerned - 1, 0), n, usual), 1.0)
    exact = np.maximum(-special.stdtrit(null.freedom[series], np.maximum(tail, 1e-300)), 0.0)
    held[rises] = np.sign(z) * np.minimum(np.abs(z), exact)
    return held


def without_skew(z: Values, skew: Values) -> Values:
    """Return z as it would be without the skew of its null, where that makes it smaller (Wilson and Hilferty 1931)."""
    usable = np.abs(skew) > 1e-6
    gamma = np.where(usable, skew, 1.0)
    straight = 6 / gamma * (np.cbrt(np.maximum(1 + gamma * z / 2, 0.0)) - 1) + gamma / 6
    return np.where(usable & (skew * z > 0) & (np.abs(straight) < np.abs(z)), straight, z)
