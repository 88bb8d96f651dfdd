"""Mann-Whitney test."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import sides
from monitors.checks._chance import ONCE_IN
from monitors.checks._ties import mann_whitney_p, superiority, superiority_deviation, tie_table
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile

_EXACT = 8  # values on a side up to which the p-value is counted out, if there are no ties


def mann_whitney(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the share of pairs in which the current value is the larger one, ties counted half: U over nm, 0.5 without a shift.

    Values in one cell count as tied, so it is off by at most half the chance that a pair shares a cell. NaN where a side is empty.
    """
    return superiority(*sides(reference, current))


def p_value(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the two-sided asymptotic p-value of the profiles' share."""
    return mann_whitney_p(*sides(reference, current))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the upper one of the two levels; the lower one is as far below 0.5."""
    from scipy import special

    left, right = sides(reference, current)
    value = 0.5 - special.ndtri(ONCE_IN / 2) * superiority_deviation(left, right)
    return np.asarray(np.where(np.isnan(superiority(left, right)), np.nan, value))


def exact(reference: Values, current: Values) -> tuple[float, float]:
    """Return the share of the rows, and its two-sided p-value: counted out up to 8 values on a side, asymptotic beyond."""
    n, m = len(reference), len(current)
    if not n or not m:
        return np.nan, np.nan
    _, a, b = tie_table(reference, current)
    share = float(superiority(a, b))
    if min(n, m) > _EXACT:
        return share, float(mann_whitney_p(a, b))
    from scipy import stats

    return share, float(stats.mannwhitneyu(current, reference).pvalue)


CHECK = Check(
    name="mann_whitney",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="share",
    direction="both",
    summary="How often a current value is larger than one of the reference; 0.5 without a shift.",
    citation="Mann and Whitney (1947), On a test of whether one of two random variables is larger, Ann. Math. Stat. 18(1).",
    column_function=mann_whitney,
    row_function=exact,
    p_function=p_value,
    level_function=level,
    approximate="off by at most half the chance that a value of either side lies in one cell with one of the other",
    title="Mann-Whitney share of pairs",
)
