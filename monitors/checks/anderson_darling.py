"""Two-sample Anderson-Darling statistic."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import sides
from monitors.checks._ties import anderson_darling_statistic, tie_table
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile

# Scholz and Stephens (1987), table 2, for two samples: critical values and their significance
_CRITICAL = np.asarray([0.325, 1.226, 1.961, 2.718, 3.752, 4.592, 6.546])
_SIGNIFICANCE = np.asarray([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])


def anderson_darling(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the squared gap of the cumulative distributions, weighted towards the tails, standardised to mean 0 and deviation 1.

    Values in one cell count as tied (midranks). NaN where a side is empty or all values are in one cell.
    """
    return anderson_darling_statistic(*sides(reference, current))


def _p(statistic: Values) -> Values:
    """Return the p-value interpolated in the published table, between its ends 0.001 and 0.25."""
    curve = np.polyfit(_CRITICAL, np.log(_SIGNIFICANCE), 2)
    inside = np.clip(statistic, _CRITICAL[0], _CRITICAL[-1])
    p = np.exp(np.polyval(curve, inside))
    p = np.where(statistic < _CRITICAL[0], _SIGNIFICANCE[0], np.where(statistic > _CRITICAL[-1], _SIGNIFICANCE[-1], p))
    return np.asarray(np.where(np.isnan(statistic), np.nan, p))


def p_value(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the p-value of the profiles' statistic, between 0.001 and 0.25."""
    return _p(anderson_darling(reference, current))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the published critical value at 1 %."""
    return np.asarray(np.where(np.isnan(anderson_darling(reference, current)), np.nan, _CRITICAL[4]))


def exact(reference: Values, current: Values) -> tuple[float, float]:
    """Return the statistic of the rows, and its p-value between 0.001 and 0.25."""
    if not len(reference) or not len(current):
        return np.nan, np.nan
    _, a, b = tie_table(reference, current)
    statistic = anderson_darling_statistic(a, b)
    return float(statistic), float(_p(statistic))


CHECK = Check(
    name="anderson_darling",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="statistic",
    direction="higher_is_worse",
    summary="The squared gap between two cumulative distributions with the tails weighted up, in standard deviations of chance.",
    citation="Scholz and Stephens (1987), K-sample Anderson-Darling tests, JASA 82(399).",
    column_function=anderson_darling,
    row_function=exact,
    p_function=p_value,
    level_function=level,
    approximate="as if the values within a cell were equal: usually some 5 % too large, without a bound",
    title="Anderson-Darling statistic",
)
