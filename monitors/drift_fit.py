"""The linear model of a reference's windows: its season, what that leaves, and what one window shares with the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values
from monitors.drift_scores import CELL, DISPERSION, LEVEL, LOCATION, Integers, Population, Scores, population
from monitors.season import Season, choose_season, least_squares
from reference_data.profile import Profile
from reference_data.windows import Window, WindowSpec

_ROWS_OF_A_SLOT = 200  # from which its own variance between rows is known well enough
_SMALLEST = 0.2  # of the median window's values: reference windows with fewer are no measure of how windows vary

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One part's linear model, and what it leaves: residuals (windows, series) with 0 where ``held`` (windows, columns) is not."""

    season: Season
    beta: Values
    gram: Values
    hat: Values
    left: Values
    held: Flags
    valid: Integers
    rank: int
    inverse: Values  # sampling variance of each window's means, 0 where not held
    uneven: Values | None

    @property
    def freedom(self) -> Values:
        """Degrees of freedom by column."""
        return np.asarray(np.maximum(self.held.sum(axis=0) - self.rank, 0), dtype=np.float64)

    @property
    def inverse_rows(self) -> Values:
        """Mean of 1/n by column."""
        inverse = np.where(self.held, 1 / np.maximum(self.valid, 1), 0.0)
        return np.asarray(inverse.sum(axis=0) / np.maximum(self.held.sum(axis=0), 1))

    def sampling(self, column: Integers) -> Values:
        """Mean sampling variance by series."""
        return np.asarray(self.inverse.sum(axis=0) / np.maximum(self.held.sum(axis=0), 1)[column])


def shown_season(
    scores: Scores, rows: Population, windows: Sequence[Window], profile: Profile, window_spec: WindowSpec
) -> Season:
    """Return the cycles that the locations and categories of the reference's windows show."""
    valid = scores.valid(profile)
    judged = np.isin(scores.kind, (LOCATION, LEVEL))
    x = standardised(scores, rows, profile, valid)[:, judged]
    return choose_season(window_spec, windows, x, _counting(valid)[:, scores.column[judged]])


def _counting(valid: Integers) -> Flags:
    """Return which windows have enough values to say how windows vary: (windows, columns)."""
    usual = np.median(valid, axis=0) if len(valid) else np.zeros(valid.shape[1])
    return np.asarray(valid >= np.maximum(_SMALLEST * usual, 1))


def fit_part(scores: Scores, rows: Population, windows: Sequence[Window], profile: Profile, season: Season) -> Fit:
    """Fit the season to one part of the reference."""
    valid = scores.valid(profile)
    held = _counting(valid)
    x = standardised(scores, rows, profile, valid)
    design = season.design(windows)
    beta = least_squares(design, x, held[:, scores.column])
    left = np.where(held[:, scores.column], less_location(scores, rows, x - design @ beta, valid), 0.0)
    spread = scores.kind == DISPERSION
    if spread.any():  # without the square of location, its mean is another; the first parameter is the constant
        there = held[:, scores.column]
        mean = np.where(spread, left.sum(axis=0) / np.maximum(there.sum(axis=0), 1), 0.0)
        beta[0] += mean
        left = np.where(there, left - mean, 0.0)
    uneven = _uneven(scores, rows, season.slots(windows), profile) if season.cycles else None
    inverse = np.where(held, 1 / np.maximum(valid, 1), 0.0)[:, scores.column]
    inverse = inverse if uneven is None else inverse * uneven[season.slots(windows)]
    rank = int(np.linalg.matrix_rank(design))
    gram = np.asarray(np.linalg.pinv(design.T @ design), dtype=np.float64)
    hat = np.asarray(design @ gram @ design.T)
    return Fit(season, beta, gram, hat, left, held, valid, rank, inverse, uneven)


def _uneven(scores: Scores, rows: Population, slots: Integers, profile: Profile) -> Values:
    """Return the variance between the rows of each slot of a season, relative to that of all rows; 1 where a slot has few."""
    found = np.ones((24, len(scores.column)))
    for slot in np.unique(slots):
        total = profile[slots == slot].total()
        many = scores.valid(total)[scores.column] >= _ROWS_OF_A_SLOT
        found[slot] = np.where(many, (population(scores, total).sd / rows.sd) ** 2, 1.0)
    return found


def autocorrelation(scores: Scores, fits: Sequence[Fit], effect: Values) -> float:
    """Return the autocorrelation of day effects from one window to the next, one for all columns; 0 where it is not beyond its noise.

    That of the residuals is smaller by the share of sampling in their variance, and biased by what the fit took out: its expectation
    without autocorrelation is known from the hat matrix, and 4/K of itself is lost beside (Marriott and Pope 1954).
    """
    if len(fits) > 1:  # windows of a season are not neighbours
        return 0.0
    fit = fits[0]
    k = len(fit.left)
    ours = np.isin(scores.kind, (LOCATION, LEVEL)) & np.isfinite(effect) & timeless(scores)
    if k < 10 or not ours.any():
        return 0.0
    x = fit.left[:, ours]
    square = (x**2).sum(axis=0)
    lag = np.divide((x[1:] * x[:-1]).sum(axis=0), square, out=np.zeros_like(square), where=square > 0)
    bias = -float(np.diagonal(fit.hat, 1).sum()) / max(k - fit.rank, 1)
    lag = (lag - bias) / max(1 - 4 / k, 0.5)
    natural = np.clip(1 - 1 / np.maximum(effect[ours], 1e-9), 0.0, 1.0)
    weight = natural / np.bincount(scores.column[ours], minlength=len(scores.names))[scores.column[ours]]
    if weight.sum() <= 0:
        return 0.0
    noise = float(np.sqrt((weight**2).sum() / k) / (weight * natural).sum())
    phi = float((weight * lag).sum() / (weight * natural).sum())
    return float(np.clip(phi, 0.0, 0.9)) if phi > 2 * noise else 0.0


def timeless(scores: Scores) -> Flags:
    """Return which series are not of a column of times, which goes on by itself."""
    entries = [scores.layout.entry(name) for name in scores.names]
    return np.asarray([entry.derive != "epoch" for entry in entries], dtype=bool)[scores.column]


def standardised(scores: Scores, rows: Population, series: Profile, valid: Integers) -> Values:
    """Return the mean scores in standard deviations of a row, from the reference's mean."""
    return np.asarray((scores.means(series, valid) - rows.mean) / rows.sd)


def less_location(scores: Scores, rows: Population, left: Values, valid: Integers) -> Values:
    """Take out of a dispersion what a moved location adds to it: its square, beyond that of sampling."""
    spread = np.flatnonzero(scores.kind == DISPERSION)
    if len(spread):
        first = np.searchsorted(scores.column, scores.column[spread])  # the location is the first series of its column
        square = left[..., first] ** 2 - 1 / np.maximum(valid, 1)[..., scores.column[spread]]
        left = left.copy()
        left[..., spread] -= square * rows.sd[first] ** 2 / rows.sd[spread]
    return left


def natural_skew(scores: Scores, rows: Population, tau2: Values) -> Values:
    """Return the third cumulant of a share's day effects, in standard deviations of a row; 0 for what is no share.

    A share cannot fall below nothing, so the larger its day effects are against itself, the more skew they must be: that of a
    lognormal with their coefficient of variation, 3 cv + cv^3, less the same of the share of all others.
    """
    own = np.where(np.isin(scores.kind, (CELL, LEVEL)), rows.usual, 1.0)
    tau = np.sqrt(tau2)
    up, down = tau * rows.sd / np.maximum(own, 1e-9), tau * rows.sd / np.maximum(1 - own, 1e-9)
    skew = (3 * up + up**3) - (3 * down + down**3)
    return np.asarray(np.where(np.isin(scores.kind, (CELL, LEVEL)), tau**3 * skew, 0.0))
