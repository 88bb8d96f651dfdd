"""Two-proportion z-test."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, sides
from monitors.checks._chance import ONCE_IN
from monitors.checks._proportions import category_scores, compared_categories, frequent
from monitors.types import Check
from reference_data.profile import ColumnProfile


def z_test(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the largest change of a category's share, in units of its standard error under one common share.

    With two categories that is the absolute value of the usual z; with more, those that expect fewer than 5 rows in the smaller
    sample are passed over. NaN where a side has no values.
    """
    left, right = sides(reference, current)
    return np.asarray((category_scores(left, right) * frequent(left, right)).max(axis=-1))


def _tests(reference: ColumnProfile, current: ColumnProfile) -> Values:
    left, right = sides(reference, current)
    counted = frequent(left, right).sum(axis=-1)
    return np.asarray(np.clip(counted, 1.0, compared_categories(left, right)))


def p_value(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the two-sided p-value, times the number of categories compared where there are more than two (Bonferroni)."""
    from scipy import special

    p = 2 * special.ndtr(-z_test(reference, current)) * _tests(reference, current)
    return np.asarray(np.clip(p, 0.0, 1.0))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level for as many categories as are compared."""
    from scipy import special

    value = -special.ndtri(ONCE_IN / 2 / _tests(reference, current))
    return np.asarray(np.where(np.isnan(z_test(reference, current)), np.nan, value))


CHECK = Check(
    name="z_test",
    scope="column",
    kinds=frozenset({"nominal"}),
    unit="statistic",
    direction="higher_is_worse",
    summary="The largest change of a category's share, in units of its standard error.",
    citation="Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, 3rd ed., 3.1.",
    column_function=z_test,
    p_function=p_value,
    level_function=level,
    approximate="exact on the reference's cells",
    title="Two-proportion z",
)
