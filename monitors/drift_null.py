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

from monitors.checks._cells import Values
from monitors.drift_fit import Fit, autocorrelation, fit_part, less_location, natural_skew, shown_season, standardised
from monitors.drift_moderation import moderated
from monitors.drift_scores import LEVEL, LOCATION, Integers, Population, Scores, make_scores, population
from monitors.drift_tails import HEAVY, leading, tails_of
from monitors.season import Season
from reference_data.profile import Profile
from reference_data.windows import Window, WindowSpec

ENOUGH = 3  # reference windows from which natural variation is measured rather than assumed
PRIOR_SHIFT = 0.05  # assumed standard deviation between windows, in standard deviations of the column
PRIOR_FREEDOM = 30.0

_DAYS = (1, 2, 3, 4, 5, 7, 9, 11, 14, 20, 28)  # how long the scales are
_HOURS = (1, 2, 4, 8)
_LEAST_NATURAL = 0.5  # of a deviation that may be of day effects where these have outliers
_FREEDOM_OF_WILD = 70.0  # at most, where days have outliers: how much they vary is less certain then

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DriftNull:
    """What :func:`monitors.drift.find_drift` needs of a reference; arrays have one entry a series unless said otherwise.

    ``fit`` (parameters of the season, series) and ``gram``, the inverse of its normal equations, are the reference's linear model;
    ``inverse_rows`` (columns,) is the mean of 1/n over its windows; ``tau2`` the variance of day effects in units of the variance
    between rows, ``freedom`` the degrees of freedom of the whole variance, ``phi`` the autocorrelation of day effects, ``tails`` the
    degrees of freedom of t distributions with their tails, infinite for normal ones. ``uneven`` (slots of the season, series) is the variance between the rows of one slot, relative to
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
    tails: Values
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
        return np.asarray(np.where(np.asarray(scale) == 1, self.tails[series], np.inf))

    @property
    def heavy(self) -> Flags:
        """The series whose day effects have outliers, or may well have."""
        return np.asarray(self.tails <= HEAVY)

    @property
    def natural(self) -> Values:
        """How much of one window's deviation may be of day effects, whose tails alone are heavy; 1 if all of it.

        Between their part of the standard deviation, as the reference has it, and 1: the less, the less certain it is.
        """
        sampling = self.inverse_rows[self.scores.column]
        return np.asarray(np.maximum((self.tau2 / np.maximum(self.tau2 + sampling, 1e-300)) ** (1 / 3), _LEAST_NATURAL))

    @property
    def leading(self) -> Flags:
        """The series that say how a day is; see :func:`monitors.drift_tails.leading`."""
        return leading(self.scores)

    def part(self, series: Integers, columns: slice) -> DriftNull:
        """Return what deviations of some series are held against; all of their columns are among ``columns``, which has a start."""
        scores = replace(
            self.scores,
            names=self.scores.names[columns],
            blocks=self.scores.blocks[columns],
            groups=self.scores.groups[columns],
            column=self.scores.column[series] - columns.start,
            kind=self.scores.kind[series],
            cells=self.scores.cells[series],
            weight=self.scores.weight[series],
        )
        return replace(
            self,
            scores=scores,
            population=self.population.part(series),
            fit=self.fit[:, series],
            inverse_rows=self.inverse_rows[columns],
            tau2=self.tau2[series],
            freedom=self.freedom[series],
            tails=self.tails[series],
            natural_skew=self.natural_skew[series],
            uneven=None if self.uneven is None else self.uneven[:, series],
        )

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
    return less_location(null.scores, null.population, left, valid), valid


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
        shown_season(scores, own, *part, window_spec) if len(parts) == 1 else Season.none(window_spec)
        for own, part in zip(rows, parts, strict=True)
    ]
    fits = [fit_part(scores, own, *part, season) for own, part, season in zip(rows, parts, seasons, strict=True)]
    return _nulls(scores, rows, fits, window_spec)


def recentred(null: DriftNull, windows: Sequence[Window], profile: Profile) -> DriftNull:
    """Return the null set about what other windows do: their means, with the natural variation that was measured before.

    How much windows vary stays what it was, relative to how much rows do: measured on these windows, a jump inside of them would pass for
    natural, and hide the rest of itself. A steady trend is forgiven: by how much it carries a window away from their middle counts as
    natural variation. Only single windows are judged so, for those before lie inside of what they would be held against.
    """
    rows = population(null.scores, profile.total())
    fit = fit_part(null.scores, rows, windows, profile, null.season)
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
        tails=np.where(null.heavy, null.tails, np.inf),  # what few residuals let pass is little beside a trend
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


def _nulls(scores: Scores, rows: Sequence[Population], fits: Sequence[Fit], window_spec: WindowSpec) -> list[DriftNull]:
    column = scores.column
    freedom = np.sum([fit.freedom for fit in fits], axis=0)
    weight = [fit.freedom[column] for fit in fits]
    inverse = np.sum([fit.sampling(column) * w for fit, w in zip(fits, weight, strict=True)], axis=0)
    inverse = inverse / np.maximum(np.sum(weight, axis=0), 1)
    square = np.sum([(fit.left**2).sum(axis=0) for fit in fits], axis=0)
    known = freedom[column] >= ENOUGH - 1
    effect = np.where(known, square / np.maximum(freedom[column] * inverse, 1e-300), np.nan)
    phi = autocorrelation(scores, fits, effect) if known.any() else 0.0
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
                tails=np.full(len(column), np.inf),
                natural_skew=natural_skew(scores, own, tau2),
                scales=scales_for(window_spec, k)
                if len(fits) == 1
                else tuple(s for s in (1, 2, 4) if s <= max(k // 2, 1)),
            )
        )
    if not known.any():
        return nulls
    tails, shown = tails_of(scores, rows, fits, [null.tau2 for null in nulls])
    wild = (tails <= HEAVY) & ((scores.kind == LEVEL) | ((scores.kind == LOCATION) & shown))
    less_sure = np.where(wild, np.minimum(nulls[0].freedom, _FREEDOM_OF_WILD), nulls[0].freedom)
    return [replace(null, tails=tails, freedom=less_sure) for null in nulls]
