"""What chance alone exceeds once in a hundred times, where a check has no textbook critical value of its own.

All functions take two column profiles that broadcast and return one value a window, NaN where a side has no values. They treat the
pooled shares as the truth and both sides as samples of it.
"""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio, shares, sides
from reference_data.profile import ColumnProfile

ONCE_IN = 0.01  # how often chance alone goes beyond a level
_SPARSE = (
    5.5  # 8 ln 2: below 1/5.5 expected rows a cell adds to a divergence what it expects, not one degree of freedom
)


def noise(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return 1/n + 1/m, the variance of the difference of two means in units of the variance of one row."""
    left, right = sides(reference, current)
    n, m = left.sum(axis=-1), right.sum(axis=-1)
    return ratio(n + m, n * m)


def divergence_level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level of sum (p - q)² / p: (1/n + 1/m) times a chi-square quantile (Yurdakul 2018).

    PSI is about this sum; the Kullback-Leibler divergence is a half of it, the squared Hellinger distance and the Jensen-Shannon
    divergence (in nats) an eighth. Cells that expect hardly any row count for less than one degree of freedom.
    """
    from scipy import special

    left, right = sides(reference, current)
    n, m = left.sum(axis=-1), right.sum(axis=-1)
    expected = shares(left + right) * np.minimum(n, m)[..., None]
    freedom = np.maximum(np.minimum(1.0, _SPARSE * np.nan_to_num(expected)).sum(axis=-1) - 1.0, 0.0)
    quantile = np.where(freedom > 0, special.chdtri(np.maximum(freedom, 1e-9), ONCE_IN), 0.0)
    return np.asarray(noise(reference, current) * quantile)


def folded_sum_level(deviations: Values, correlation: Values) -> Values:
    """Return the level of a sum of absolute values of jointly normal numbers.

    ``deviations`` (..., k) are their standard deviations, ``correlation`` (..., k, k). Mean and variance of the sum are exact
    (Nabeya 1951); its distribution is taken as the gamma of that mean and variance.
    """
    from scipy import special

    rho = np.clip(correlation, -1.0, 1.0)
    shared = np.sqrt(1 - rho**2) + rho * np.arcsin(rho) - 1
    mean = np.sqrt(2 / np.pi) * deviations.sum(axis=-1)
    variance = 2 / np.pi * np.einsum("...j,...jk,...k->...", deviations, shared, deviations)
    return gamma_level(mean, variance, special.gammaincinv)


def gamma_level(mean: Values, variance: Values, inverse: np.ufunc) -> Values:
    """Return the level of the gamma distribution of a mean and a variance; 0 where both vanish."""
    shape = ratio(mean**2, variance)
    level = inverse(shape, 1 - ONCE_IN) * ratio(variance, mean)
    return np.asarray(np.where(np.isnan(mean) | (mean > 0), level, 0.0), dtype=np.float64)


def bridge(cumulative: Values) -> tuple[Values, Values]:
    """Return the standard deviations (..., k) and correlations (..., k, k) of a Brownian bridge at these shares."""
    deviations = np.sqrt(np.clip(cumulative * (1 - cumulative), 0.0, None))
    low = np.minimum(cumulative[..., :, None], cumulative[..., None, :])
    high = np.maximum(cumulative[..., :, None], cumulative[..., None, :])
    inside = (high > 0) & (high < 1) & (low > 0)
    odds = np.divide(low * (1 - high), high * (1 - low), out=np.zeros_like(low), where=inside)
    return deviations, np.sqrt(np.clip(odds, 0.0, 1.0))
