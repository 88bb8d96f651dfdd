"""Two-sample Cramér-von Mises statistic."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio, sides
from monitors.checks._ties import cramer_von_mises_statistic, tie_table
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile

_CRITICAL = 0.743458  # 99 % quantile of the limit distribution
_FAR = 4.0
_EXACT = 20  # values on a side up to which the p-value is counted out


def cramer_von_mises(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return Anderson's T: the mean squared gap of the cumulative distributions, times nm/(n+m).

    Where each value has a cell of its own, ties get midranks; else it is what is to be expected of values that lie at random within
    their cells. NaN below two values on a side.
    """
    return cramer_von_mises_statistic(*sides(reference, current), spread=not reference.entry.bins.discrete)


def _spread(reference: ColumnProfile, current: ColumnProfile) -> Values:
    return cramer_von_mises_statistic(*sides(reference, current), spread=True)


def _moments(n: Values, m: Values) -> tuple[Values, Values]:
    """Return mean and 45 times the variance of T under the null (Anderson 1962)."""
    total, pairs = n + m, n * m
    mean = (1 + ratio(np.asarray(1.0), total)) / 6
    variance = ratio((total + 1) * (4 * pairs * total - 3 * (n**2 + m**2) - 2 * pairs), total**2 * 4 * pairs)
    return mean, variance


def _p(statistic: Values, n: Values, m: Values) -> Values:
    mean, variance = _moments(n, m)
    standard = 1 / 6 + (statistic - mean) / np.sqrt(variance)
    tail = np.where(standard < 0.003, 1.0, limit_tail(np.maximum(standard, 0.003)))
    return np.asarray(np.where(np.isnan(statistic), np.nan, tail))


def limit_tail(x: Values) -> Values:
    """Return the upper tail of the limit distribution, for ``x`` >= 0.003.

    Up to 4 by the series of Csörgő and Faraway (1996), equation 1.3; beyond, where one minus it would lose its digits, by the leading
    term of Zolotarev (1961), which is within 1 %.
    """
    from scipy import special

    inside = np.minimum(x, _FAR)
    total = np.zeros(np.shape(x))
    for k in range(12):  # enough for 1e-12 up to there
        y = 4 * k + 1
        q = y**2 / (16 * inside)
        scale = np.exp(special.gammaln(k + 0.5) - special.gammaln(k + 1)) / (np.pi**1.5 * np.sqrt(inside))
        total = total + scale * np.sqrt(y) * np.exp(-2 * q) * special.kve(0.25, q)
    far = np.sqrt(2) * special.erfc(np.pi * np.sqrt(np.asarray(x) / 2))
    return np.asarray(np.where(np.asarray(x) > _FAR, far, np.clip(1 - total, 0.0, 1.0)))


def p_value(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the asymptotic p-value, tied values taken in random order: with many ties midranks alone are no longer small by chance."""
    left, right = sides(reference, current)
    return _p(_spread(reference, current), left.sum(axis=-1), right.sum(axis=-1))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the 99 % quantile of the limit distribution, brought to the sizes of the samples, and what midranks of ties add."""
    left, right = sides(reference, current)
    n, m = left.sum(axis=-1), right.sum(axis=-1)
    mean, variance = _moments(n, m)
    value = (_CRITICAL - 1 / 6) * np.sqrt(variance) + mean
    value = value + cramer_von_mises(reference, current) - _spread(reference, current)
    return np.asarray(np.where((n > 1) & (m > 1), value, np.nan))


def exact(reference: Values, current: Values) -> tuple[float, float]:
    """Return the statistic of the rows and its p-value, counted out up to 20 values on either side, asymptotic beyond."""
    n, m = len(reference), len(current)
    if min(n, m) < 2:
        return np.nan, np.nan
    if max(n, m) <= _EXACT:
        from scipy import stats

        found = stats.cramervonmises_2samp(reference, current)
        return float(found.statistic), float(found.pvalue)
    _, a, b = tie_table(reference, current)
    spread = cramer_von_mises_statistic(a, b, spread=True)
    p = _p(spread, np.asarray(float(n)), np.asarray(float(m)))
    return float(cramer_von_mises_statistic(a, b)), float(p)


CHECK = Check(
    name="cramer_von_mises",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="statistic",
    direction="higher_is_worse",
    summary="The mean squared gap between two cumulative distributions, scaled so that chance is the same for any number of rows.",
    citation="Anderson (1962), On the distribution of the two-sample Cramér-von Mises criterion, Ann. Math. Stat. 33(3).",
    column_function=cramer_von_mises,
    row_function=exact,
    p_function=p_value,
    level_function=level,
    approximate="what is to be expected of values at random within their cells: usually within 2 %, without a bound",
    title="Cramér-von Mises statistic",
)
