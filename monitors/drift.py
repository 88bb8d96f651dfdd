"""The verdict on columns' distributions: what moved, at which scale, and whether that is more than chance and nature do.

Pure, from profiles alone, and vectorised over windows and columns. The null comes from :mod:`monitors.drift_null`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values
from monitors.drift_critical import all_episodes, critical_values
from monitors.drift_exact import hold_rare, without_skew
from monitors.drift_null import DriftNull, correlated, deviations
from monitors.drift_scores import KINDS, Integers, Kind
from monitors.drift_sums import Deviations, Latest, Sums
from reference_data.profile import Profile
from reference_data.windows import Window

Flags = NDArray[np.bool_]

_EXTRA_SCALE = 0.25  # episodes of false alarm that each further scale adds to those of one, by simulation
_FIRST = 1e6  # what is material goes first
_AGREED = 1.02  # a little more than half of what two windows must show together
_CLEARLY = 2.5  # standard deviations by which the latest windows fall short of a shift that is over
_ENOUGH_COLUMNS = 10  # to say that a day is wild
_MEDIAN_OF_Z = 0.6745
_BY_CHANCE = 1.4  # times as far as usual
_WILDEST = 2.5
_AT_ONCE = 15_000  # numbers of an array: so small ones take memory that is at hand, larger ones are asked of the system each time
_LOOK = 2.0  # z from which on corrections for skew are worth their time


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """What :func:`find_drift` found: arrays (windows, columns) in the order of ``names``.

    ``p`` is the p-value at the best scale, corrected for the column's series and scales, so it is held against ``level`` (columns,).
    ``shift`` is in standard deviations of the reference's rows, over the latest ``scale`` windows. ``series`` is the place of what moved
    in the null's series; see :meth:`moved`. ``limit`` is the smallest shift that one window by itself would show, in the same unit:
    of the location, or of the share of the most frequent category. ``ratio`` is how many times its critical value the evidence is, at
    the best scale. A window without enough values has p NaN.
    """

    null: DriftNull
    names: tuple[str, ...]
    p: Values
    level: Values
    shift: Values
    scale: Integers
    series: Integers
    limit: Values
    ratio: Values
    significant: Flags
    material: Flags

    @property
    def drifted(self) -> Flags:
        """Whether a column moved by more than chance and nature do, and by enough to matter."""
        return self.significant & self.material

    def moved(self, window: int, column: int) -> tuple[Kind, int]:
        """Return what moved: the location, the dispersion, or a group of cells or a category by its number."""
        place = int(self.series[window, column])
        scores = self.null.scores
        return KINDS[int(scores.kind[place])], int(scores.cells[place])


def episodes(scales: int) -> float:
    """Return how many false episodes a window has, in units of the p-value of one series at one scale."""
    return 1 + _EXTRA_SCALE * (scales - 1)


def find_drift(
    null: DriftNull,
    windows: Sequence[Window],
    series: Profile,
    level: float | Values,
    tolerance: float,
    least: int = 1,
    usable: Flags | None = None,
) -> Drift:
    """Hold a series of consecutive windows against what the reference does by itself.

    Args:
        null: What :func:`monitors.drift_null.measure` learned from the reference.
        windows: The windows, ascending and adjacent; also those before the ones that matter, so that long scales can be seen.
        series: Their profiles, with a leading axis (windows,).
        level: False episodes allowed a window, for each column: one number or (columns,).
        tolerance: Shift in standard deviations that is immaterial.
        least: Values a column needs in a window; windows with fewer are left out of means, and get no verdict.
        usable: Windows that count at all; by default every one.
    """
    names = null.scores.names
    levels = np.broadcast_to(np.asarray(level, dtype=np.float64), (len(names),))
    shift, valid = deviations(null, windows, series)
    held = valid >= max(least, 1)
    if usable is not None:
        held &= usable[:, None]
    seen, limit = _Seen.nothing(held.shape), np.full(held.shape, np.nan)
    if shift.size:
        scales = null.scales_of(len(windows))
        critical = critical_values(null, levels, scales)
        seen = _look(null, Deviations.of(null, windows, shift, valid, held), scales, critical, tolerance)
        limit = _limit(null, windows, valid, critical[0], tolerance)
    p = _p_values(null, seen)
    found = held & np.isfinite(p)
    return Drift(
        null=null,
        names=names,
        p=np.where(found, p, np.nan),
        level=levels,
        shift=np.where(found, seen.shift, np.nan),
        scale=seen.scale,
        series=seen.series,
        limit=limit,
        ratio=np.where(found, seen.ratio, np.nan),
        significant=found & (seen.ratio > 1),
        material=found & (np.abs(seen.shift) > tolerance),
    )


def smallest_shift(null: DriftNull, rows: float, level: float | Values) -> Values:
    """Return the shift of each column that a window of ``rows`` shows by itself half of the time, in standard deviations: (columns,).

    That of the location, or of the share of the most frequent category; NaN for a constant column. ``level`` as in :func:`find_drift`.
    """
    levels = np.broadcast_to(np.asarray(level, dtype=np.float64), (len(null.scores.names),))
    column = null.scores.column
    held, first = np.unique(column, return_index=True)
    found = np.full(len(levels), np.nan)
    variance = 1 / max(rows, 1.0) + null.inverse_rows[held] / null.windows
    variance = variance + null.tau2[first] * (1 + correlated(null.phi, null.windows))
    found[held] = critical_values(null, levels, (1,))[0][first] * np.sqrt(variance)
    return np.where(np.isin(np.arange(len(found)), held), found, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What stands out most in each window and column: arrays (windows, columns). ``ratio`` is z over its critical value."""

    ratio: Values
    z: Values
    shift: Values
    scale: Integers
    series: Integers

    @classmethod
    def nothing(cls, shape: tuple[int, ...]) -> _Seen:
        ratio, z, shift = np.full((3, *shape), np.nan)
        return cls(ratio, z, shift, np.ones(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64))

    def take(self, columns: slice, part: _Seen, first: int) -> None:
        """Take in what was seen in some columns, whose series begin at place ``first``."""
        self.ratio[:, columns], self.z[:, columns], self.shift[:, columns] = part.ratio, part.z, part.shift
        self.scale[:, columns], self.series[:, columns] = part.scale, part.series + first


def _look(null: DriftNull, every: Deviations, scales: Sequence[int], critical: Values, tolerance: float) -> _Seen:
    """Choose, for each window and column, the series and scale that says most.

    So few columns are looked at at once that their arrays stay small; see :data:`_AT_ONCE`.
    """
    wild, seen = _wild(null, every), _Seen.nothing(every.valid.shape[::-1])
    each, many = [_Scale.of(null, every, scale) for scale in scales], len(null.scores.names)
    until = np.searchsorted(null.scores.column, np.arange(many + 1))  # the first series of each column, and the end
    first = 0
    while first < many:
        most = until[first] + _AT_ONCE // len(wild)
        last = max(int(np.searchsorted(until, most, side="right")) - 1, first + 1)
        columns, ours = slice(first, last), np.arange(until[first], until[last])
        if len(ours):
            part, own = null.part(ours, columns), every.part(ours, columns)
            at = [scale.part(columns) for scale in each]
            seen.take(columns, _best(part, own, wild, at, critical[:, ours], tolerance), int(ours[0]))
        first = last
    return seen


def _best(
    null: DriftNull, own: Deviations, wild: Values, scales: Sequence[_Scale], critical: Values, tolerance: float
) -> _Seen:
    """Choose, for each window and column, the series and scale that says most; what is material goes before what is not.

    Inside, arrays are (series, windows) or (columns, windows): what is of a column is then spread over its series row by row.
    """
    sums, calm = Sums.of(own), bool((wild == 1).all())
    every: list[tuple[Values, Values, Values]] = []  # of each scale: the evidence, z and the mean
    seen: list[tuple[Values, Values]] = []
    key = np.full(own.shift.shape, -np.inf)
    clipped: Latest | None = None
    for place, scale in enumerate(scales):
        d, now, sd = _at_scale(null, sums, clipped, scale)
        if scale.long == 1:
            now = now if calm else now / wild
            if len(scales) > 1:
                told = _clipped(null, own.sampling, own.shift if calm else own.shift / wild, critical[1])
                clipped = None if told is own.shift else Latest(own.where_held(told))
        against = np.abs(now)
        against /= critical[place][:, None]
        beyond = np.flatnonzero(against > 1)  # few
        _forget_what_is_over(against, d, seen, beyond)
        seen.append((d, sd))
        every.append((against, now, d))
        np.fmax(key, against, out=key)  # NaN never is
        flat = key.ravel()
        flat[beyond] = np.fmax(flat[beyond], _better(against.ravel()[beyond], d.ravel()[beyond], tolerance))
    series = _foremost(null.scores.column, key, own.valid.shape[::-1])
    at = series * len(series) + np.arange(len(series))[:, None]  # in the flat arrays
    told_at = [(against.take(at), now.take(at), d.take(at)) for against, now, d in every]
    better = np.stack([_better(against, d, tolerance) for against, _, d in told_at])
    best = np.where(np.isnan(better), -np.inf, better).argmax(axis=0)
    said = np.isfinite(key.take(at))  # else there was nothing at any scale
    said &= np.isin(np.arange(series.shape[1]), null.scores.column)  # nor has a column without series anything to say

    def chosen(part: int) -> Values:
        found = np.take_along_axis(np.stack([told[part] for told in told_at]), best[None], axis=0)[0]
        return np.where(said, found, np.nan)

    return _Seen(
        chosen(0), chosen(1), chosen(2), np.where(said, np.asarray([scale.long for scale in scales])[best], 1), series
    )


def _better(against: Values, d: Values, tolerance: float) -> Values:
    """Return by what scales and series are chosen: the evidence, and first of all whether it is material."""
    return np.asarray(against + _FIRST * ((against > 1) & (np.abs(d) > tolerance)))


def _foremost(column: Integers, key: Values, shape: tuple[int, ...]) -> Integers:
    """Return the series of each column, (windows, columns), that has the largest key of (series, windows), the first of equal ones."""
    found = np.zeros(shape, dtype=np.int64)
    starts = np.flatnonzero(np.append(True, column[1:] != column[:-1]))
    largest = np.maximum.reduceat(key, starts, axis=0)
    highest = np.repeat(largest, np.diff(np.append(starts, len(column))), axis=0)
    series, window = np.divmod(np.flatnonzero(key == highest)[::-1], key.shape[1])
    found[window, column[series]] = series  # in descending order: of equal ones the first is written last
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """What the means over the latest ``long`` windows rest on, whatever the series: arrays (columns, windows).

    ``count``: the windows that are held, NaN where they are too few. ``rows``: the sums of their values. ``fixed`` is the part of a mean's
    variance that is not of day effects, without the sampling of the windows where that is uneven; ``natural`` that of day effects, in their
    own unit: sampling of both sides, and day effects whose autocorrelation is that of an AR(1); the reference's part follows from its linear
    model of the season.
    """

    long: int
    count: Values
    rows: Values
    fixed: Values
    natural: Values

    @classmethod
    def of(cls, null: DriftNull, own: Deviations, scale: int) -> _Scale:
        held, rows = Latest(own.held.astype(np.float64)), Latest(np.where(own.held, own.valid, 0).astype(np.float64))
        count = held.over(scale)
        usable = own.held & (count >= max(scale / 2, 1))
        usable[:, : scale - 1] = False
        count = np.where(usable, np.maximum(count, 1.0), np.nan)
        at = np.ascontiguousarray(Latest(own.design).over(scale).T)
        at = at if scale == 1 else at / np.minimum(np.arange(len(at)) + 1, scale)[:, None]
        fixed, natural = _variances(null, scale / count, at, scale)
        if null.uneven is None:
            fixed = Latest(own.where_held(own.sampling, by_series=False)).over(scale) / count**2 + fixed
        return cls(scale, count, rows.over(scale), fixed, natural)

    def part(self, columns: slice) -> _Scale:
        """Return that of some columns."""
        return _Scale(self.long, self.count[columns], self.rows[columns], self.fixed[columns], self.natural[columns])


def _at_scale(null: DriftNull, sums: Sums, clipped: Latest | None, scale: _Scale) -> tuple[Values, Values, Values]:
    """Return the mean deviation, its z and its standard deviation over the latest windows: (series, windows).

    NaN where there are too few windows. ``clipped``: the deviations that z is told by where they are smaller.
    """
    column = null.scores.column
    many = scale.count.take(column, axis=0)
    total = sums.shift.over(scale.long)
    d = np.divide(
        total, many, out=None if scale.long == 1 else total
    )  # of one window it is the sum itself, which is kept
    slack = np.flatnonzero(null.population.slack)
    if len(slack):
        own = d[slack]
        d[slack] = np.sign(own) * np.maximum(np.abs(own) - null.population.slack[slack, None], 0.0)
    fixed = scale.fixed.take(column, axis=0)
    if null.uneven is not None:
        fixed = sums.inverse.over(scale.long) / many**2 + fixed
    variance = scale.natural.take(column, axis=0)
    variance *= null.tau2[:, None]
    variance += fixed
    sd = np.sqrt(variance)
    if clipped is None:
        z = d / sd
    else:
        told = clipped.over(scale.long) / many
        z = np.where(np.abs(told) < np.abs(d), told, d) / sd
    look = np.flatnonzero((z > _LOOK) | (z < -_LOOK))
    if len(look):
        series, window = np.divmod(look, z.shape[1])
        own = column[series] if null.uneven is None else series
        sampling = sums.squared.over(scale.long)[own, window] / many.ravel()[look] ** 3 * null.population.skew[series]
        third = sampling + null.natural_skew[series] / scale.long**2
        straight = without_skew(z.ravel()[look], third / variance.ravel()[look] ** 1.5)
        rows = scale.rows[column[series], window]
        z.ravel()[look] = hold_rare(null, rows, d.ravel()[look], straight, series)
    return d, z, sd


def _wild(null: DriftNull, every: Deviations) -> Values:
    """Return how many times as far as usual all columns are on a day, (windows,): the median of |z|, which one that drifts does not move.

    1 where that may be chance, or columns are few. Bounded, and 1 on the day after a wild one: where many columns drift they stay there.
    """
    ours = np.flatnonzero(null.leading)
    if np.unique(null.scores.column[ours]).size < _ENOUGH_COLUMNS:
        return np.ones(every.valid.shape[1])
    part, own = null.part(ours, slice(0, None)), every.part(ours, slice(0, None))
    _, z, _ = _at_scale(part, Sums.of(own), None, _Scale.of(part, own, 1))
    held = np.ascontiguousarray(np.abs(z).T)
    gaps = np.isnan(held)
    whole, some = ~gaps.any(axis=1), ~gaps.all(axis=1)
    median = np.zeros(len(held))
    median[whole] = np.median(held[whole], axis=1) / _MEDIAN_OF_Z
    rest = some & ~whole  # the slower way, for these alone
    if rest.any():
        median[rest] = np.nanmedian(held[rest], axis=1) / _MEDIAN_OF_Z
    wild = median > _BY_CHANCE
    wild[1:] &= median[:-1] <= _BY_CHANCE
    return np.where(wild, np.minimum(median, _WILDEST), 1.0)


def _forget_what_is_over(
    against: Values, d: Values, shorter: Sequence[tuple[Values, Values]], beyond: Integers
) -> None:
    """Take back what a long mean says where the latest windows say that it is over: they are clearly nearer to the reference.

    ``beyond``: where ``against`` is above 1, as places in the flat array.
    """
    if not len(beyond) or not shorter:
        return
    mean = d.ravel()[beyond]
    over = np.zeros(len(beyond), dtype=bool)
    for latest, sd in shorter:
        over |= np.sign(mean) * latest.ravel()[beyond] < np.abs(mean) - _CLEARLY * sd.ravel()[beyond]
    against.ravel()[beyond[over]] = 0.0


def _variances(null: DriftNull, few: Values, at: Values, scale: int) -> tuple[Values, Values]:
    """Return what the reference adds to the variance of a mean, and that of day effects in their own unit: (columns, windows)."""
    leverage = np.einsum("wp,pq,wq->w", at, null.gram, at)
    natural = correlated(null.phi, scale) * few + leverage * null.windows * correlated(null.phi, null.windows)
    return np.asarray(null.inverse_rows[:, None] * leverage), natural


def _limit(null: DriftNull, windows: Sequence[Window], valid: Integers, critical: Values, tolerance: float) -> Values:
    """Return the smallest shift of each column's first series that one window would show: (windows, columns)."""
    column = null.scores.column
    held, first = np.unique(column, return_index=True)
    leverage, natural = _variances(null, np.ones(valid.shape[::-1]), null.season.design(windows), 1)
    found = np.full(valid.shape, np.nan)
    sampling = null.inverse(windows, np.maximum(valid, 1))[:, first] + leverage.T[:, held]
    variance = sampling + null.tau2[first] * natural.T[:, held]
    found[:, held] = np.maximum(critical[first] * np.sqrt(variance), tolerance)
    return found


def _clipped(null: DriftNull, sampling: Values, shift: Values, critical: Values) -> Values:
    """Return each window's deviation, held to what two have to agree on where tails are heavy: one outlier makes no long mean.

    (series, windows), and so is ``sampling`` (or by column), the sampling variance; what was given if no tails are heavy.
    """
    heavy = np.flatnonzero(np.isfinite(null.tails))
    if not len(heavy):
        return shift
    inverse = sampling[null.scores.column[heavy] if null.uneven is None else heavy]
    most = (_AGREED * critical[heavy] / np.sqrt(2))[:, None] * np.sqrt(inverse + null.tau2[heavy, None])
    most = most * np.sqrt(1 + 2 / null.windows)  # what two windows are held against is uncertain too
    held = shift.copy()
    held[heavy] = np.clip(shift[heavy], -most, most)
    return held


def _p_values(null: DriftNull, seen: _Seen) -> Values:
    """Return the p-value of what stands out most, corrected for its column's series and for the scales."""
    if not null.freedom.size:
        return seen.z
    p = 2 * special.stdtr(null.freedom[seen.series], -np.abs(seen.z))
    tail = null.tail_freedom(seen.scale, seen.series)
    heavy = np.isfinite(tail)  # of normal tails the second p-value is never the larger
    if heavy.any():
        tail, z = tail[heavy], np.abs(seen.z[heavy])
        natural = np.maximum(null.natural[seen.series[heavy]], 1e-9)
        p[heavy] = np.fmax(p[heavy], 2 * special.stdtr(tail, -z / np.sqrt((tail - 2) / tail) / natural))
    return np.asarray(np.minimum(p * all_episodes(null) / null.scores.weight[seen.series], 1.0))
