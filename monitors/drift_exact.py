"""What a normal approximation cannot say of a share: rare categories by exact tails, skew taken out of the rest."""

from __future__ import annotations

import numpy as np
from scipy import special

from monitors.checks._cells import Values
from monitors.drift_null import DriftNull
from monitors.drift_scores import LEVEL, Integers

_LEAST_EXPECTED = 5.0  # rows of a category, or of a group of cells, for a normal approximation


def hold_rare(null: DriftNull, rows: Values, d: Values, z: Values, at: Integers, series: Integers) -> None:
    """Hold z to what an exact test allows where fewer than 5 rows of a category are expected; groups of cells then say nothing.

    A category may rise by as much as its binomial tail at the reference's share with one more such row allows (Agresti and Coull 1998).
    ``at`` and ``series``: the places in z that are looked at.
    """
    column, rows_now = null.scores.column, null.population
    rare = rows[at, column[series]] * rows_now.share[series] < _LEAST_EXPECTED
    level = null.scores.kind[series] == LEVEL
    z[at[rare & ~level], series[rare & ~level]] = 0.0
    at, series = at[rare & level], series[rare & level]
    if not len(at):
        return
    n = np.rint(rows[at, column[series]]).astype(np.int64)
    few = rows_now.usual[series] <= 0.5
    now = rows_now.usual[series] + d[at, series] * rows_now.sd[series]
    concerned = np.rint(n * np.where(few, now, 1 - now))
    reference = null.windows / np.maximum(null.inverse_rows[column[series]], 1e-12)
    usual = (rows_now.share[series] * reference + 1) / (reference + 2)
    tail = np.where(concerned > 0, special.bdtrc(np.maximum(concerned - 1, 0), n, usual), 1.0)
    exact = np.maximum(-special.stdtrit(null.freedom[series], np.maximum(tail, 1e-300)), 0.0)
    rises = (d[at, series] > 0) == few
    z[at, series] = np.where(rises, np.sign(z[at, series]) * np.minimum(np.abs(z[at, series]), exact), 0.0)


def without_skew(z: Values, skew: Values) -> Values:
    """Return z as it would be without the skew of its null, where that makes it smaller (Wilson and Hilferty 1931)."""
    usable = np.abs(skew) > 1e-6
    gamma = np.where(usable, skew, 1.0)
    straight = 6 / gamma * (np.cbrt(np.maximum(1 + gamma * z / 2, 0.0)) - 1) + gamma / 6
    return np.where(usable & (skew * z > 0) & (np.abs(straight) < np.abs(z)), straight, z)
