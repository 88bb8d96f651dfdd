"""Intervals of metrics at 95 %, by sampling: rows are taken as independent of one another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values, ratio

Z = 1.959963984540054  # standard normal, 97.5 %
Interval = tuple[Values, Values]


def wilson(hits: Values, n: Values) -> Interval:
    """Return the score interval of a share ``hits / n`` (Wilson 1927, J. Am. Stat. Assoc. 22); NaN without rows."""
    share = ratio(hits, n)
    size = np.maximum(np.asarray(n, dtype=np.float64), 1.0)
    middle = (share + Z**2 / (2 * size)) / (1 + Z**2 / size)
    reach = Z * np.sqrt(np.maximum(share * (1 - share), 0) / size + Z**2 / (4 * size**2)) / (1 + Z**2 / size)
    return np.clip(middle - reach, 0.0, 1.0), np.clip(middle + reach, 0.0, 1.0)


def share_error(hits: Values, n: Values) -> Values:
    """Return sqrt(p (1 - p) / n), the standard error of a share; NaN without rows."""
    share = ratio(hits, n)
    return np.asarray(np.sqrt(ratio(np.maximum(share * (1 - share), 0.0), n)))


def of_mean(value: Values, error: Values, n: NDArray[Any]) -> Interval:
    """Return mean ± Student's t times its standard error, with n - 1 degrees of freedom; NaN below two rows."""
    freedom = np.maximum(np.asarray(n, dtype=np.float64) - 1, 1.0)
    reach = special.stdtrit(freedom, 0.975) * np.where(np.asarray(n) > 1, error, np.nan)
    return np.asarray(value - reach), np.asarray(value + reach)


def by_logit(value: Values, error: Values) -> Interval:
    """Return the interval of a number in (0, 1) that is symmetric in its log odds (delta method); its ends stay inside.

    Where the value is 0 or 1, whose log odds are infinite, there is no interval: NaN.
    """
    inside = (value > 0) & (value < 1)
    safe = np.where(inside, value, 0.5)
    odds, reach = special.logit(safe), Z * error / (safe * (1 - safe))
    low, high = special.expit(odds - reach), special.expit(odds + reach)
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)


def by_fisher(value: Values, error: Values) -> Interval:
    """Return the interval of a correlation in (-1, 1) that is symmetric in artanh (Fisher 1915); NaN at its ends."""
    inside = np.abs(value) < 1
    safe = np.where(inside, value, 0.0)
    middle, reach = np.arctanh(safe), Z * error / (1 - safe**2)
    low, high = np.tanh(middle - reach), np.tanh(middle + reach)
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)


def by_log(value: Values, error: Values) -> Interval:
    """Return the interval of a positive number that is symmetric in its logarithm (delta method); plain where it is 0."""
    positive = value > 0
    safe = np.where(positive, value, 1.0)
    factor = np.exp(Z * error / safe)
    low, high = np.where(positive, safe / factor, value), np.where(positive, safe * factor, value)
    return np.where(np.isnan(value), np.nan, low), np.where(np.isnan(value), np.nan, high)
