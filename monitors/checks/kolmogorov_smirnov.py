"""Kolmogorov-Smirnov distance."""

from __future__ import annotations

import warnings

import numpy as np

from monitors.checks._areas import cumulative_gaps
from monitors.checks._chance import ONCE_IN, noise
from monitors.checks._ties import tie_table
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile

_EXACT = 10_000  # values on a side up to which SciPy counts paths instead of using a limit
_GRID = 2_000  # steps of the coarse grid on either side


def kolmogorov_smirnov(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the largest gap between the two cumulative distributions at the bin edges, from 0 to 1.

    Never above the exact statistic, and below it by at most the largest share one side has in one cell; exact where
    every value has a cell of its own. NaN where either side has no value in a cell.
    """
    return np.asarray(np.abs(cumulative_gaps(reference, current)).max(axis=-1))


def _limit(distance: Values, rows: Values) -> Values:
    """Return the p-value by Kolmogorov's limit, with the first term of its error (Vrbik 2018, arXiv 1812.01110)."""
    from scipy import special

    root = np.sqrt(rows)
    return np.asarray(np.where(distance > 0, special.kolmogorov(root * distance + 1 / (6 * root)), 1.0 + 0 * distance))


def p_value(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the asymptotic p-value of the profiles' distance: too large rather than too small, as that distance is."""
    return _limit(kolmogorov_smirnov(reference, current), 1 / noise(reference, current))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the 99 % quantile of the limit distribution."""
    from scipy import special

    return np.asarray(special.kolmogi(ONCE_IN) * np.sqrt(noise(reference, current)))


def largest_gap(reference: Values, current: Values) -> float:
    """Return the exact distance of two sorted samples, looking only where a coarse grid leaves room for it."""
    n, m = len(reference), len(current)
    grid = np.unique(np.concatenate([reference[:: max(n // _GRID, 1)], current[:: max(m // _GRID, 1)]]))
    i = np.concatenate([[0], np.searchsorted(reference, grid, side="right"), [n]])
    j = np.concatenate([[0], np.searchsorted(current, grid, side="right"), [m]])
    f, g = i / n, j / m
    best = float(np.abs(f - g).max())
    room = np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])  # both only grow from one grid value to the next
    for k in np.argsort(-room):
        if room[k] <= best:
            break
        _, a, b = tie_table(reference[i[k] : i[k + 1]], current[j[k] : j[k + 1]])
        gaps = (i[k] + np.cumsum(a)) / n - (j[k] + np.cumsum(b)) / m
        best = max(best, float(np.abs(gaps).max(initial=0.0)))
    return best


def exact(reference: Values, current: Values) -> tuple[float, float]:
    """Return the distance and its p-value, exact up to 10,000 values on either side, by the limit distribution beyond."""
    n, m = len(reference), len(current)
    if not n or not m:
        return np.nan, np.nan
    distance = np.asarray(largest_gap(reference, current))
    if max(n, m) > _EXACT:
        return float(distance), float(_limit(distance, np.asarray(n * m / (n + m))))
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it says when it takes the limit after all
        return float(distance), float(stats.ks_2samp(reference, current).pvalue)


CHECK = Check(
    name="kolmogorov_smirnov",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="distance",
    direction="higher_is_worse",
    summary="The largest gap between two cumulative distributions, from 0 to 1, measured at the bin edges.",
    citation="Smirnov (1948), Table for estimating the goodness of fit of empirical distributions, Ann. Math. Stat. 19(2).",
    column_function=kolmogorov_smirnov,
    row_function=exact,
    p_function=p_value,
    level_function=level,
    approximate="never above the exact value, and below it by at most the largest share that one side has in one cell",
    title="Kolmogorov-Smirnov distance",
)
