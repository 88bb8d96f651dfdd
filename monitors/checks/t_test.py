"""Welch's t-test."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import finite, ratio
from monitors.checks._chance import ONCE_IN
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def _welch(reference: ColumnProfile, current: ColumnProfile) -> tuple[Values, Values]:
    """Return t and its degrees of freedom (Welch and Satterthwaite)."""
    shape = np.broadcast_shapes(reference.rows.shape, current.rows.shape)
    if reference.mean is None or current.mean is None:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    n, m = reference.valid.astype(np.float64), current.valid.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        left, right = ratio(reference.std**2, n), ratio(current.std**2, m)
        statistic = ratio(current.mean - reference.mean, np.sqrt(left + right))
        # each part over the sum first, so that tiny variances do not vanish when squared
        a, b = ratio(left, left + right), ratio(right, left + right)
        freedom = ratio(np.asarray(1.0), ratio(a**2, n - 1) + ratio(b**2, m - 1))
    return finite(statistic), finite(freedom)


def t_test(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the difference of the means over its standard error, positive where the current mean is the larger one.

    From the moments, so exact. NaN below two values on a side, or where neither side varies.
    """
    return _welch(reference, current)[0]


def p_value(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the two-sided p-value."""
    from scipy import special

    statistic, freedom = _welch(reference, current)
    return np.asarray(2 * special.stdtr(freedom, -np.abs(statistic)))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level that the absolute value is held against."""
    from scipy import special

    return np.asarray(special.stdtrit(_welch(reference, current)[1], 1 - ONCE_IN / 2))


CHECK = Check(
    name="t_test",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="statistic",
    direction="both",
    summary="The change of the mean in units of its standard error, with both sides' own variances.",
    citation="Welch (1947), The generalization of Student's problem when several population variances are involved, Biometrika 34.",
    column_function=t_test,
    p_function=p_value,
    level_function=level,
    title="Welch's t",
)
