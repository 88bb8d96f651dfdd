"""How series borrow from each other what one cannot say by itself: the moderation of design effects.

As limma moderates variances (Smyth 2004; Phipson et al. 2016), with robust estimates of the prior. Categories of one column borrow from
each other first, then from those of other columns: how much shares vary is a matter of the column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values
from monitors.drift_scores import CELL, DISPERSION, LEVEL, LOCATION, Integers, Scores

#: Prior degrees of freedom borrowed from the other series of a kind, at most: kinds differ in how alike their series are.
CAPS = {LOCATION: 200.0, DISPERSION: 15.0, CELL: 10.0, LEVEL: 120.0}
_CAP_OF_COLUMNS = 40.0  # what the categories of a column borrow from those of others, at most
_ENOUGH_FOR_TREND = 12  # categories
_POWERS = (0.0, 0.5, 1.0)  # of the odds, with which day effects of shares may grow
_SIZES = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 97)])
_VARIANCE_OF_MAD = 2.7  # times that of the standard deviation, for normal values

Flags = NDArray[np.bool_]


def moderated(scores: Scores, effect: Values, freedom: Values, usual: Values) -> tuple[Values, Values]:
    """Shrink design effects towards those of the same kind, as limma does with variances; never below 1.

    ``usual``: the share of a category. Returns effects and their degrees of freedom, one entry a series as all arguments.
    """
    shrunk, total = np.ones_like(effect), np.maximum(freedom, 1.0)
    several = np.bincount(scores.column, scores.kind == LEVEL, minlength=len(scores.names))[scores.column] > 1
    alike = np.where((scores.kind == LEVEL) & ~several, LOCATION, scores.kind)  # one share of a column is its mean
    for kind, cap in CAPS.items():
        ours = np.flatnonzero(alike == kind)
        if not len(ours):
            continue
        if kind == LEVEL:
            mixed, d = _of_shares(scores.column[ours], effect[ours], freedom[ours], usual[ours], cap)
        else:
            mixed, d = _mixed(effect[ours], freedom[ours], np.ones(len(ours)), cap)
        shrunk[ours], total[ours] = np.maximum(mixed, 1.0), np.maximum(d, 1.0)
    return shrunk, total


def _mixed(effect: Values, freedom: Values, expected: Values, cap: float) -> tuple[Values, Values]:
    """Return effects shrunk to a common multiple of ``expected``, and their degrees of freedom.

    Smyth (2004), section 6.2, with median and median absolute deviation in place of mean and variance; a series beyond the 99 %
    quantile of the fitted F keeps its own (after Phipson et al. 2016).
    """
    known = np.isfinite(effect) & (effect > 1e-6)
    centre, borrowed = _prior(effect[known] / expected[known], freedom[known], cap)
    prior = centre * expected
    own, d = np.where(known, effect, prior), np.where(known, freedom, 0.0)
    far = own > (special.fdtri(np.maximum(d, 1.0), borrowed, 0.99) * prior if borrowed > 0 else -np.inf)
    mixed = np.where(far, own, (borrowed * prior + d * own) / np.maximum(borrowed + d, 1e-9))
    return mixed, np.where(far, d, borrowed + d)


def _of_shares(column: Integers, effect: Values, freedom: Values, usual: Values, cap: float) -> tuple[Values, Values]:
    """Return what :func:`_mixed` does for categories: those of a column are alike but for the trend with their odds."""
    known = np.isfinite(effect) & (effect > 1e-6)
    expected = _trend_of_shares(column, usual, effect, freedom, known)
    columns, place = np.unique(column, return_inverse=True)
    many = np.bincount(place, known, minlength=len(columns))
    logs = np.where(known, _unbiased(np.where(known, effect / expected, 1.0), np.maximum(freedom, 1.0)), 0.0)
    own = np.exp(np.bincount(place, logs) / np.maximum(many, 1))
    d = np.bincount(place, np.where(known, freedom, 0.0)) * np.maximum(many - 1, 0) / np.maximum(many, 1)
    centre, borrowed = _mixed(np.where(many > 1, own, np.nan), d, np.ones(len(columns)), _CAP_OF_COLUMNS)
    mixed, total = _mixed(effect, freedom, centre[place] * expected, cap)
    return mixed, np.minimum(total, np.maximum(freedom, 0.0) + borrowed[place])


def _unbiased(effect: Values, freedom: Values) -> Values:
    """Return the logarithms of design effects without the bias that few degrees of freedom give them."""
    return np.asarray(np.log(effect) - special.digamma(freedom / 2) + np.log(freedom / 2))


def _trend_of_shares(column: Integers, usual: Values, effect: Values, freedom: Values, known: Flags) -> Values:
    """Return what the design effects of categories are by their odds: 1 + size * odds**power, (series,).

    Where shares vary by a part of themselves, that of a frequent one varies more for its rows than that of a rare one (as the trend of
    Law et al. 2014). The curve with the smallest absolute deviations of logarithms, every column weighing by the root of its categories.
    """
    if known.sum() < _ENOUGH_FOR_TREND:
        return np.ones(len(effect))
    odds = np.clip(usual, 1e-6, 0.5) / (1 - np.clip(usual, 1e-6, 0.5))
    z = _unbiased(effect[known], np.maximum(freedom[known], 1.0))
    weight = 1 / np.sqrt(np.bincount(column[known])[column[known]])
    best, found = np.inf, np.ones(len(effect))
    for power in _POWERS:
        curves = 1 + _SIZES[:, None] * odds**power
        off = np.abs(z - np.log(curves[:, known])) @ weight
        at = int(off.argmin())
        if off[at] < best:
            best, found = float(off[at]), curves[at]
    return found


def _prior(effect: Values, freedom: Values, cap: float) -> tuple[float, float]:
    """Return the design effect that series of a kind have in common, and how many degrees of freedom it is worth.

    That they differ at all has to show: from the variance of their logarithms its own standard error is taken.
    """
    if len(effect) < 3:
        return 1.0, 0.0
    half = np.maximum(freedom, 1.0) / 2
    z = _unbiased(effect, 2 * half)
    centre = float(np.median(z))
    chance = float(special.polygamma(1, np.median(half)))
    excess = (1.4826 * float(np.median(np.abs(z - centre)))) ** 2 - chance
    excess -= chance * float(np.sqrt(2 * _VARIANCE_OF_MAD / len(effect)))
    borrowed = min(2 * trigamma_inverse(excess), cap) if excess > 0 else cap
    return float(np.exp(centre + special.digamma(borrowed / 2) - np.log(borrowed / 2))), borrowed


def trigamma_inverse(y: float) -> float:
    """Solve trigamma(x) = y by Newton's method on 1 / trigamma (Smyth 2004, appendix)."""
    if y > 1e7:
        return float(1 / np.sqrt(y))
    if y < 1e-6:
        return 1 / y
    x = 0.5 + 1 / y
    for _ in range(50):
        tri = float(special.polygamma(1, x))
        step = tri * (1 - tri / y) / float(special.polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x
