"""Two-proportion z-test."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, sides
from monitors.checks._chance import ONCE_IN
from monitors.checks._proportions import category_scores, compared_categories
from monitors.types import Check
from reference_data.profile import ColumnProfile


def z_test(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the largest change of a category's share, in units of its standard error under one common share.

    With two categories that is the absolute value of the usual z. NaN where a side has no values.
    """
    scores = category_scores(*sides(reference, current))
    return np.asarray(scores.max(axis=-1))


def p_value(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the two-sided p-value, times the number of categories where there are more than two (Bonferroni)."""
    from scipy import special

    tests = compared_categories(*sides(reference, current))
    return np.asarray(np.clip(2 * special.ndtr(-z_test(reference, current)) * tests, 0.0, 1.0))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level for as many categories as there are."""
    from scipy import special

    tests = compared_categories(*sides(reference, current))
    return np.asarray(np.where(np.isnan(z_test(reference, current)), np.nan, -special.ndtri(ONCE_IN / 2 / tests)))


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
