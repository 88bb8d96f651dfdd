"""What chance alone exceeds once in a hundred times, where a check has no textbook critical value of its own.

All functions take two column profiles that broadcast and return one value a window, NaN where a side has no values. They treat the
pooled shares as the truth and both sides as samples of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitors.checks._cells import Values, ratio, sides
from monitors.types import ColumnFunction
from reference_data.profile import ColumnProfile

ONCE_IN = 0.01  # how often chance alone goes beyond a level
_DRAWS = 1_000


def noise(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return 1/n + 1/m, the variance of the difference of two means in units of the variance of one row."""
    left, right = sides(reference, current)
    n, m = left.sum(axis=-1), right.sum(axis=-1)
    return ratio(n + m, n * m)


def divergence_level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level of sum (p - q)² / p, and so of PSI: (1/n + 1/m) times a chi-square quantile (Yurdakul 2018).

    Too high rather than too low where cells hold few rows.
    """
    from scipy import special

    left, right = sides(reference, current)
    freedom = np.maximum(((left + right) > 0).sum(axis=-1) - 1.0, 1.0)
    return np.asarray(noise(reference, current) * special.chdtri(freedom, ONCE_IN))


def simulated_level(function: ColumnFunction, reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level of any check that reads cells alone, from a thousand pairs of samples of the pooled shares.

    Drawn from a fixed seed, so the same profiles always give the same level.
    """
    left, right = sides(reference, current)
    lead, cells = left.shape[:-1], left.shape[-1]
    flat = zip(left.reshape(-1, cells), right.reshape(-1, cells), strict=True)
    return np.asarray([_simulated(function, reference, current, a, b) for a, b in flat]).reshape(lead)


def _simulated(
    function: ColumnFunction, reference: ColumnProfile, current: ColumnProfile, a: Values, b: Values
) -> float:
    if not a.sum() or not b.sum():
        return np.nan
    draw = np.random.default_rng(0)
    pooled = (a + b) / (a + b).sum()
    sampled = [
        replace(side, cells=draw.multinomial(int(counts.sum()), pooled, _DRAWS))
        for side, counts in ((reference, a), (current, b))
    ]
    return float(np.quantile(function(*sampled), 1 - ONCE_IN))


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
