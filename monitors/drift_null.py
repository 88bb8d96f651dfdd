"""What columns do when nothing is wrong: how much their statistics vary between the reference's own windows.

The variance of a window's mean is that of sampling times a design effect (Rao and Scott 1981), which is measured per series and
moderated over the columns as limma does it (Smyth 2004; Phipson et al. 2016); the rest is a season, an autocorrelation and a tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values
from monitors.drift_scores import (
    CELL,
    DISPERSION,
    LEVEL,
    LOCATION,
    Integers,
    Population,
    Scores,
    make_scores,
    population,
)
from monitors.drift_tails import heavy_tailed
from monitors.season import Season, choose_season, least_squares
from reference_data.profile import Profile
from reference_data.windows import Window, WindowSpec

ENOUGH = 3  # reference windows from which natural variation is measured rather than assumed
PRIOR_SHIFT = 0.05  # assumed standard deviation between windows, in standard deviations of the column
PRIOR_FREEDOM = 30.0
#: Prior degrees of freedom borrowed from the other series of a kind, at most: kinds differ in how alike their series are.
CAPS = {LOCATION: 200.0, DISPERSION: 15.0, CELL: 10.0, LEVEL: 40.0}

_DAYS = (1, 2, 3, 4, 7, 9, 14, 28)  # how long the scales are
_HOURS = (1, 2, 4, 8)
_LEAST_EXPECTED = 5.0  # rows of a share from which its residuals say something of the tails of day effects
_ENOUGH_FOR_TREND = 12  # categories
_LEADING = 3  # categories of a column
_VARIES = 2.5  # standard errors by which windows vary more than by chance
_LEAST_NATURAL = 0.5  # of a deviation that may be of day effects where these have outliers
_BURSTS = 0.2  # of itself by which a share varies: more than that is no normal variation
_HEAVY = 4.0  # degrees of freedom of single windows where tails are heavy
_ROWS_OF_A_SLOT = 200  # from which its own variance between rows is known well enough
_SMALLEST = 0.2  # of the median window's values: reference windows with fewer are no measure of how windows vary

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DriftNull:
    """What :func:`monitors.drift.find_drift` needs of a reference; arrays have one entry a series unless said otherwise.

    ``fit`` (parameters of the season, series) and ``gram``, the inverse of its normal equations, are the reference's linear model;
    ``inverse_rows`` (columns,) is the mean of 1/n over its windows; ``tau2`` the variance of day effects in units of the variance
    between rows, ``freedom`` the degrees of freedom of the whole variance, ``phi`` the autocorrelation of day effects, ``heavy`` whether
    their tails may be heavier than normal ones. ``uneven`` (slots of the season, series) is the variance between the rows of one slot, relative to
    that of all; None without a season.
    """

    scores: Scores
    population: Population
    season: Season
    fit: Values
    gram: Values
    windows: int
    inverse_rows: Values
    tau2: Values
    freedom: Values
    phi: float
    heavy: Flags
    natural_skew: Values
    scales: tuple[int, ...]
    uneven: Values | None = None

    def inverse(self, windows: Sequence[Window], valid: Integers) -> Values:
        """Return the sampling variance of each window's means, (windows, series), from its values, (windows, columns); 0 without any."""
        inverse = np.where(valid > 0, 1 / np.maximum(valid, 1), 0.0)[:, self.scores.column]
        return inverse if self.uneven is None else inverse * self.uneven[self.season.slots(windows)]

    def tail_freedom(self, scale: int | Integers, series: Any = slice(None)) -> Values:
        """Return the degrees of freedom of t distributions with the tails of a mean over ``scale`` windows; infinite if normal.

        One window may be as far off as those of a t with 4, the heaviest that has a variance to speak of: how heavy tails really are, a
        few hundred residuals cannot say. In longer means each window is held to what two have to agree on, so their tails are light.
        """
        single = np.where(self.heavy[series], _HEAVY, np.inf)
        return np.asarray(np.where(np.asarray(scale) == 1, single, np.inf))

    @property
    def natural(self) -> Values:
        """How much of one window's deviation may be of day effects, whose tails alone are heavy; 1 if all of it.

        Between their part of the standard deviation, as the reference has it, and 1: the less, the less certain it is.
        """
        sampling = self.inverse_rows[self.scores.column]
        return np.asarray(np.maximum((self.tau2 / np.maximum(self.tau2 + sampling, 1e-300)) ** (1 / 3), _LEAST_NATURAL))

    @property
    def leading(self) -> Flags:
        """The series that say how a day is: each number's location, and the three most frequent categories of any other column."""
        column = self.scores.column
        first = np.searchsorted(column, column)  # where its column begins
        place = np.arange(len(column)) - first
        return np.asarray((self.scores.kind == LOCATION) | ((self.scores.kind == LEVEL) & (place < _LEADING)))

    def scales_of(self, windows: int) -> tuple[int, ...]:
        """Return the scales that a series of so many windows has; always the first."""
        return tuple(scale for scale in self.scales if scale <= max(windows, 1))


def scales_for(window_spec: WindowSpec, windows: int) -> tuple[int, ...]:
    """Return the scales in windows, up to 28 days or four windows, and to half of the reference's ``windows``."""
    hours = window_spec.length * {"h": 1, "d": 24, "w": 168}[window_spec.unit]
    lengths = {24 * days / hours for days in _DAYS} | {float(few) for few in _HOURS if few * hours < 24}
    lengths |= {1.0, 2.0, 4.0} if hours > 7 * 24 / 2 else {1.0}
    most = max(windows // 2, 1)
    return tuple(
        sorted({int(length) for length in lengths if length >= 1 and length == int(length) and length <= most})
    )


def correlated(phi: float, scale: int) -> float:
    """Return the variance of a mean of ``scale`` steps of an AR(1) of unit variance."""
    if phi == 0 or scale == 1:
        return 1 / scale
    lag = np.arange(1, scale)
    return float(1 / scale + 2 / scale**2 * ((scale - lag) * phi**lag).sum())


def deviations(null: DriftNull, windows: Sequence[Window], series: Profile) -> tuple[Values, Integers]:
    """Return by how much each window's statistics differ from the reference's, (windows, series), and the values, (windows, columns)."""
    valid = null.scores.valid(series)
    raw = standardised(null.scores, null.population, series, valid)
    left = np.asarray(raw - null.season.design(windows) @ null.fit)
    return _less_location(null.scores, null.population, left, valid), valid


def standardised(scores: Scores, rows: Population, series: Profile, valid: Integers) -> Values:
    """Return the mean scores in standard deviations of a row, from the reference's mean."""
    return np.asarray((scores.means(series, valid) - rows.mean) / rows.sd)


def _less_location(scores: Scores, rows: Population, left: Values, valid: Integers) -> Values:
    """Take out of a dispersion what a moved location adds to it: its square, beyond that of sampling."""
    spread = np.flatnonzero(scores.kind == DISPERSION)
    if len(spread):
        first = np.searchsorted(scores.column, scores.column[spread])  # the location is the first series of its column
        square = left[..., first] ** 2 - 1 / np.maximum(valid, 1)[..., scores.column[spread]]
        left = left.copy()
        left[..., spread] -= square * rows.sd[first] ** 2 / rows.sd[spread]
    return left


def measure(
    parts: Sequence[tuple[Sequence[Window], Profile]], names: Sequence[str], window_spec: WindowSpec
) -> list[DriftNull]:
    """Learn from the windows of a reference what its columns called ``names`` do by themselves.

    ``parts``: the windows and their profiles (with a leading axis), usually one; several, such as its Mondays and its Tuesdays, have
    means of their own and natural variation in common. Returns one null a part.
    """
    totals = [profile.total() for _, profile in parts]
    whole = totals[0] if len(totals) == 1 else _merged(totals)
    scores = make_scores(whole, names)
    rows = [population(scores, total) for total in totals]
    seasons = [
        _season(scores, own, *part, window_spec) if len(parts) == 1 else Season.none(window_spec)
        for own, part in zip(rows, parts, strict=True)
    ]
    fits = [_fit(scores, own, *part, season) for own, part, season in zip(rows, parts, seasons, strict=True)]
    return _nulls(scores, rows, fits, window_spec)


def recentred(null: DriftNull, windows: Sequence[Window], profile: Profile) -> DriftNull:
    """Return the null set about what other windows do: their means, with the natural variation that was measured before.

    How much windows vary stays what it was, relative to how much rows do: measured on these windows, a jump inside of them would pass for
    natural, and hide the rest of itself. A steady trend is forgiven: by how much it carries a window away from their middle counts as
    natural variation. Only single windows are judged so, for those before lie inside of what they would be held against.
    """
    rows = population(null.scores, profile.total())
    fit = _fit(null.scores, rows, windows, profile, null.season)
    x = np.where(fit.held[:, null.scores.column], standardised(null.scores, rows, profile, fit.valid), np.nan)
    return replace(
        null,
        population=rows,
        fit=fit.beta,
        gram=fit.gram,
        windows=len(windows),
        inverse_rows=fit.inverse_rows,
        uneven=fit.uneven,
        tau2=null.tau2 + _trend(x) ** 2,
        scales=(1,),
    )


def _trend(means: Values) -> Values:
    """Return how far a steady trend of equally spaced means (windows, series) goes from their middle to the one after the last.

    It is the median slope between any two windows (Sen 1968), which a jump does not move before it fills a good quarter of them.
    """
    if len(means) < ENOUGH:
        return np.zeros(means.shape[1])
    later, earlier = np.triu_indices(len(means), 1)[::-1]
    slopes = (means[later] - means[earlier]) / (later - earlier)[:, None]
    with np.errstate(all="ignore"):
        found = np.nan_to_num(np.nanmedian(slopes, axis=0)) if np.isfinite(slopes).any() else np.zeros(means.shape[1])
    return np.asarray(found * (len(means) + 1) / 2)


def _merged(totals: Sequence[Profile]) -> Profile:
    first = totals[0]
    return Profile(first.layout, np.sum([t.counts for t in totals], axis=0), first.moments)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
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


def _season(
    scores: Scores, rows: Population, windows: Sequence[Window], profile: Profile, window_spec: WindowSpec
) -> Season:
    valid = scores.valid(profile)
    judged = np.isin(scores.kind, (LOCATION, LEVEL))
    x = standardised(scores, rows, profile, valid)[:, judged]
    return choose_season(window_spec, windows, x, _counting(valid)[:, scores.column[judged]])


def _counting(valid: Integers) -> Flags:
    """Return which windows have enough values to say how windows vary: (windows, columns)."""
    usual = np.median(valid, axis=0) if len(valid) else np.zeros(valid.shape[1])
    return np.asarray(valid >= np.maximum(_SMALLEST * usual, 1))


def _fit(scores: Scores, rows: Population, windows: Sequence[Window], profile: Profile, season: Season) -> _Fit:
    valid = scores.valid(profile)
    held = _counting(valid)
    x = standardised(scores, rows, profile, valid)
    design = season.design(windows)
    beta = least_squares(design, x, held[:, scores.column])
    left = np.where(held[:, scores.column], _less_location(scores, rows, x - design @ beta, valid), 0.0)
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
    return _Fit(season, beta, gram, hat, left, held, valid, rank, inverse, uneven)


def _uneven(scores: Scores, rows: Population, slots: Integers, profile: Profile) -> Values:
    """Return the variance between the rows of each slot of a season, relative to that of all rows; 1 where a slot has few."""
    found = np.ones((24, len(scores.column)))
    for slot in np.unique(slots):
        total = profile[slots == slot].total()
        many = scores.valid(total)[scores.column] >= _ROWS_OF_A_SLOT
        found[slot] = np.where(many, (population(scores, total).sd / rows.sd) ** 2, 1.0)
    return found


def _nulls(
    scores: Scores, rows: Sequence[Population], fits: Sequence[_Fit], window_spec: WindowSpec
) -> list[DriftNull]:
    column = scores.column
    freedom = np.sum([fit.freedom for fit in fits], axis=0)
    weight = [fit.freedom[column] for fit in fits]
    inverse = np.sum([fit.sampling(column) * w for fit, w in zip(fits, weight, strict=True)], axis=0)
    inverse = inverse / np.maximum(np.sum(weight, axis=0), 1)
    square = np.sum([(fit.left**2).sum(axis=0) for fit in fits], axis=0)
    known = freedom[column] >= ENOUGH - 1
    effect = np.where(known, square / np.maximum(freedom[column] * inverse, 1e-300), np.nan)
    phi = _autocorrelation(scores, fits, effect) if known.any() else 0.0
    less = (1 - phi**2) / (1 + phi**2)
    shrunk, total_freedom = moderated(scores, effect, freedom[column] * less, rows[0].usual)
    nulls = []
    for own, fit in zip(rows, fits, strict=True):
        k = len(fit.left)
        between = inverse / max(1 - correlated(phi, k) + 1 / k, 0.3)
        tau2 = np.where(known, (shrunk - 1) * between, PRIOR_SHIFT**2)
        nulls.append(
            DriftNull(
                scores=scores,
                population=own,
                season=fit.season,
                fit=fit.beta,
                gram=fit.gram,
                windows=k,
                inverse_rows=fit.inverse_rows,
                uneven=fit.uneven,
                tau2=tau2,
                freedom=np.where(known, total_freedom, PRIOR_FREEDOM),
                phi=phi,
                heavy=np.zeros(len(column), dtype=bool),
                natural_skew=natural_skew(scores, own, tau2),
                scales=scales_for(window_spec, k)
                if len(fits) == 1
                else tuple(s for s in (1, 2, 4) if s <= max(k // 2, 1)),
            )
        )
    heavy = _heavy(nulls, fits)
    return [replace(null, heavy=heavy) for null in nulls]


def _autocorrelation(scores: Scores, fits: Sequence[_Fit], effect: Values) -> float:
    """Return the autocorrelation of day effects from one window to the next, one for all columns; 0 where it is not beyond its noise.

    That of the residuals is smaller by the share of sampling in their variance, and biased by what the fit took out: its expectation
    without autocorrelation is known from the hat matrix, and 4/K of itself is lost beside (Marriott and Pope 1954).
    """
    if len(fits) > 1:  # windows of a season are not neighbours
        return 0.0
    fit = fits[0]
    k = len(fit.left)
    ours = np.isin(scores.kind, (LOCATION, LEVEL)) & np.isfinite(effect) & _timeless(scores)
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


def _timeless(scores: Scores) -> Flags:
    """Return which series are not of a column of times, which goes on by itself."""
    entries = [scores.layout.entry(name) for name in scores.names]
    return np.asarray([entry.derive != "epoch" for entry in entries], dtype=bool)[scores.column]


def moderated(scores: Scores, effect: Values, freedom: Values, usual: Values) -> tuple[Values, Values]:
    """Shrink design effects towards those of the same kind, as limma does with variances; never below 1.

    Smyth (2004), section 6.2, with median and median absolute deviation in place of mean and variance; a series beyond the 99 %
    quantile of the fitted F keeps its own (after Phipson et al. 2016). Returns effects and their degrees of freedom.
    """
    shrunk, total = np.ones_like(effect), np.maximum(freedom, 1.0)
    several = np.bincount(scores.column, scores.kind == LEVEL, minlength=len(scores.names))[scores.column] > 1
    alike = np.where((scores.kind == LEVEL) & ~several, LOCATION, scores.kind)  # one share of a column is its mean
    for kind, cap in CAPS.items():
        ours = alike == kind
        known = ours & np.isfinite(effect) & (effect > 1e-6)
        trend = _trend_of_shares(usual, effect, known) if kind == LEVEL else np.zeros(len(effect))
        centre, borrowed = _prior(effect[known] / np.exp(trend[known]), freedom[known], cap)
        prior = (centre * np.exp(trend))[ours]
        own, d = np.where(known[ours], effect[ours], prior), np.where(known, freedom, 0.0)[ours]
        far = own > (special.fdtri(np.maximum(d, 1.0), borrowed, 0.99) * prior if borrowed > 0 else -np.inf)
        mixed = np.where(far, own, (borrowed * prior + d * own) / np.maximum(borrowed + d, 1e-9))
        shrunk[ours] = np.maximum(mixed, 1.0)
        total[ours] = np.maximum(np.where(far, d, borrowed + d), 1.0)
    return shrunk, total


def _trend_of_shares(usual: Values, effect: Values, known: Flags) -> Values:
    """Return how the logarithm of the design effects of categories grows with that of their odds, 0 in the middle: (series,).

    Where shares vary by a part of themselves, that of a frequent one varies more for its rows than that of a rare one (as the trend of
    Law et al. 2014). A robust line (Sen 1968), never falling.
    """
    odds = np.log(np.clip(usual, 1e-6, 0.5) / (1 - np.clip(usual, 1e-6, 0.5)))
    if known.sum() < _ENOUGH_FOR_TREND:
        return np.zeros(len(effect))
    x, z = odds[known], np.log(effect[known])
    later, earlier = np.triu_indices(len(x), 1)
    wide = np.abs(x[later] - x[earlier]) > 1
    if not wide.any():
        return np.zeros(len(effect))
    slope = max(float(np.median(((z[later] - z[earlier]) / np.where(wide, x[later] - x[earlier], 1.0))[wide])), 0.0)
    return np.asarray(slope * (odds - np.median(x)))


def _prior(effect: Values, freedom: Values, cap: float) -> tuple[float, float]:
    """Return the design effect that series of a kind have in common, and how many degrees of freedom it is worth."""
    if len(effect) < 3:
        return 1.0, 0.0
    half = freedom / 2
    z = np.log(effect) - special.digamma(half) + np.log(half)
    centre = float(np.median(z))
    excess = (1.4826 * float(np.median(np.abs(z - centre)))) ** 2 - float(special.polygamma(1, np.median(half)))
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


def _vary(nulls: Sequence[DriftNull], fits: Sequence[_Fit]) -> bool:
    """Return whether the locations and the more frequent categories of all columns together vary by more than chance."""
    square, freedom = 0.0, 0.0
    for null, fit in zip(nulls, fits, strict=True):
        held = fit.held[:, null.scores.column] & null.leading & _timeless(null.scores)
        square += float((fit.left**2 / np.where(held, fit.inverse, np.inf))[held].sum())
        freedom += float(held.sum()) * (1 - fit.rank / max(len(fit.left), 1))
    return bool(square > freedom + _VARIES * np.sqrt(2 * max(freedom, 1.0)))


def _heavy(nulls: Sequence[DriftNull], fits: Sequence[_Fit]) -> Flags:
    """Return the series whose day effects may have heavier tails than normal ones.

    That the locations and the more frequent categories of all columns together have them counts for every series, for days have outliers or
    they have not. Where day effects are less than half of what varies in most of them, their tails cannot be seen, and are doubted. What groups of cells
    and dispersions of one column show by themselves counts for these.
    """
    scores, null = nulls[0].scores, nulls[0]
    moved = null.tau2 > null.inverse_rows[scores.column]
    left, held = [], []
    for own, fit in zip(nulls, fits, strict=True):
        spread = (fit.inverse + own.tau2) * np.maximum(1 - np.diagonal(fit.hat), 0.05)[:, None]
        left.append(fit.left / np.sqrt(np.maximum(spread, 1e-300)))
        held.append(
            fit.held[:, scores.column] & (fit.valid[:, scores.column] * own.population.share >= _LEAST_EXPECTED)
        )
    x, there = np.concatenate(left), np.concatenate(held) & _timeless(scores) & moved
    ours = null.leading & moved
    if heavy_tailed(x[:, ours], there[:, ours]) or (ours.sum() < null.leading.sum() / 2 and _vary(nulls, fits)):
        return np.ones(len(moved), dtype=bool)
    cv = np.sqrt(null.tau2 * (1 - null.population.usual) / np.maximum(null.population.usual, 1e-9))
    found = moved & (cv > _BURSTS)
    for column in np.unique(scores.column):
        ours = moved & (scores.column == column) & np.isin(scores.kind, (CELL, DISPERSION))
        found[ours] |= ours.any() and heavy_tailed(x[:, ours], there[:, ours])
    return found
