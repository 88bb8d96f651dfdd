"""Did a metric get worse? In one window and over several of the latest ones together, against what the reference does by itself.

Small lasting losses show only in several windows, large ones in the first: merged outcome profiles cost nothing, so each window is judged
at every scale. One-sided, but for a metric that may err both ways. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values
from monitors.drift import episodes
from monitors.metric_null import MetricNull
from monitors.registry import metric_intervals, metric_values
from monitors.types import Check
from reference_data.declaration import ModelSpec
from reference_data.profile import M2, MAX, MEAN, MIN, Profile
from reference_data.windows import Window

Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

SCALES = (1, 2, 4, 7, 14, 28)  # days
LEFT_OUT = (3, 5, 9, 11, 20)  # days: scales of columns that are so near to others that they would only cost level
_CLEARLY = 2.5  # standard deviations by which the latest windows fall short of a loss that is over
_HEAVY = 4.0  # degrees of freedom of single windows where days have outliers
_OF_ONE, _OF_SEVERAL = 0.4, 1.2  # of the level that each scale would get if all were treated alike
_FIRST, _LATER = 0.85, 0.3  # of the level itself, where there are fewer than MANY scales
_MANY = 4
_HALF = 2.0  # of a scale's windows must count
_FORGOTTEN = 1e-3  # autocorrelation that is none any more


@dataclass(frozen=True, slots=True, eq=False)
class Harm:
    """What :func:`find_harm` found: arrays (windows,), at the ``scale`` that decided in each.

    ``value`` is the metric of the latest ``scale`` windows together, ``n`` their labels and ``limit`` the value beyond which it is worse than
    ``expected`` by more than chance, nature and tolerance. ``p`` is corrected for the scales, so it is held against ``level``;
    ``worse`` is positive where the metric is worse. Where there are too few labels at every scale, ``judged`` is false and ``value``
    the window's own. ``lower`` and ``upper``: 95 % interval of the value.
    """

    value: Values
    expected: Values
    limit: Values
    worse: Values
    p: Values
    scale: Integers
    n: Integers
    judged: Flags
    significant: Flags
    material: Flags
    lower: Values
    upper: Values

    @property
    def harmful(self) -> Flags:
        """Whether the loss is both significant and material."""
        return self.significant & self.material

    def __getitem__(self, places: Integers) -> Harm:
        """Select windows."""
        return Harm(**{each.name: getattr(self, each.name)[places] for each in fields(self)})


def harm_scales(allowed: Sequence[int], per_day: float) -> tuple[int, ...]:
    """Return the scales of those ``allowed`` for columns that a metric is judged at; ``per_day``: windows a day."""
    return tuple(scale for scale in allowed if not any(scale == days * per_day for days in LEFT_OUT)) or (1,)


def shares_of_level(scales: int) -> list[float]:
    """Return which part of a level each of so many scales is held to, so that false episodes keep to the level.

    Harm is to be found within a week of labels. Where windows are short and scales many, a single one gets less than means of several: its
    tails are what is known least, and a large loss shows all the same. Where scales are few, windows are long, and the first has to show it.
    """
    if scales == 1:
        return [1.0]
    if scales < _MANY:
        return [_FIRST, *[_LATER] * (scales - 1)]
    return [_OF_ONE / episodes(scales), *[_OF_SEVERAL / episodes(scales)] * (scales - 1)]


def find_harm(
    spec: ModelSpec,
    check: Check,
    null: MetricNull,
    windows: Sequence[Window],
    outcomes: Profile,
    usable: Flags,
    level: float,
    scales: Sequence[int] = (1,),
    *,
    heavy: bool = False,
) -> Harm:
    """Judge a metric in consecutive ``windows`` at all ``scales``.

    Args:
        spec: The declaration; windows together need its ``min_rows`` labels.
        check: The metric.
        null: What it does in the reference.
        windows: Consecutive ones, with those before the ones that matter, so that lasting losses show.
        outcomes: Their profiles, shape (windows,).
        usable: Windows whose labels may speak for them; the others are left out of every mean.
        level: False findings allowed a window, over all scales.
        scales: Ascending, in windows.
        heavy: Whether days have outliers, so that one window alone says less.
    """
    share = dict(zip(scales, shares_of_level(len(scales)), strict=True))
    tests = [
        _at_scale(spec, check, null, windows, outcomes, usable, level * share[scale], scale, heavy=heavy)
        for scale in scales
        if scale <= max(len(windows), 1)
    ]
    _forget_what_is_over(tests)
    kept = _chosen(tests, null.scale * spec.monitor.performance_tolerance)
    rows = np.arange(len(windows))

    def pick(name: str) -> Values:
        return np.stack([getattr(test, name) for test in tests])[kept, rows]

    judged = pick("judged").astype(bool)
    worse = pick("worse")
    p = np.minimum(pick("p") / np.asarray(shares_of_level(len(scales)))[kept], 1.0)
    return Harm(
        value=pick("value"),
        expected=pick("expected"),
        limit=pick("limit"),
        worse=worse,
        p=np.where(judged, p, np.nan),
        scale=np.asarray(scales, dtype=np.int64)[kept],
        n=pick("n").astype(np.int64),
        judged=judged,
        significant=judged & (pick("ratio") > 1),
        material=judged & (worse > null.scale * spec.monitor.performance_tolerance),
        lower=pick("lower"),
        upper=pick("upper"),
    )


@dataclass(slots=True, eq=False)
class _Test:
    """One scale: arrays (windows,). ``ratio`` is z over its critical value, NaN where not ``judged``."""

    value: Values
    expected: Values
    limit: Values
    worse: Values
    sd: Values
    ratio: Values
    p: Values
    n: Values
    judged: Flags
    lower: Values
    upper: Values


def _chosen(tests: Sequence[_Test], immaterial: float) -> Integers:
    """Return for each window the place of the scale that speaks: the shortest that shows harm, else the first that could be judged."""
    judged = np.stack([test.judged for test in tests])
    beyond = np.nan_to_num(np.stack([test.ratio for test in tests]), nan=-np.inf) > 1
    harmful = beyond & (np.stack([test.worse for test in tests]) > immaterial)
    first = np.where(judged.any(axis=0), judged.argmax(axis=0), 0)
    return np.where(harmful.any(axis=0), harmful.argmax(axis=0), first)


def _at_scale(
    spec: ModelSpec,
    check: Check,
    null: MetricNull,
    windows: Sequence[Window],
    outcomes: Profile,
    usable: Flags,
    level: float,
    scale: int,
    *,
    heavy: bool,
) -> _Test:
    counted = usable & (outcomes.rows > 0)
    merged = outcomes if scale == 1 else merge_latest(outcomes, counted, scale)
    value = metric_values(spec, check, merged)
    n = outcomes.rows.astype(np.float64)
    total, weight = merged.rows.astype(np.float64), np.where(counted, n, 0.0)
    count = latest(counted.astype(np.float64), scale)
    judged = (total >= spec.monitor.min_rows) & np.isfinite(value) & (count >= max(scale / _HALF, 1))
    judged &= counted  # a window without labels of its own has nothing to say
    judged[: scale - 1] = False
    expected, variance, third = _usual(null, windows, n if scale == 1 else weight, total, scale)
    expected = expected + null.curved * (1 - 1 / np.maximum(count, 1))
    sd = np.sqrt(np.maximum(variance, 0.0))
    two_sided = check.direction == "both"
    sign = np.where(value >= expected, 1.0, -1.0) if two_sided else -1.0 if check.direction == "lower_is_worse" else 1.0
    worse = sign * (value - expected)
    skew = np.where(two_sided, 0.0, np.divide(third, sd**3, out=np.zeros_like(sd), where=sd > 0))
    critical = _critical(null, total, level / 2 if two_sided else level, scale, heavy=heavy)
    reach = with_skew(critical, skew) * sd
    z = np.divide(worse, sd, out=np.where(worse > 0, np.inf, 0.0), where=sd > 0)
    p: Values = np.asarray(
        special.stdtr(null.freedom, -without_skew(z, skew)) * (2 if two_sided else 1), dtype=np.float64
    )
    limit = expected + sign * np.maximum(reach, spec.monitor.performance_tolerance * null.scale)
    ratio = np.divide(worse, reach, out=np.where(worse > 0, np.inf, 0.0), where=reach > 0)
    lower, upper = interval(spec, check, merged, value)
    return _Test(
        value, expected, limit, worse, sd, np.where(judged, ratio, np.nan), p, total, judged, lower, upper
    )  # fmt: skip


def _usual(
    null: MetricNull, windows: Sequence[Window], weight: Values, total: Values, scale: int
) -> tuple[Values, Values, Values]:
    """Return mean, variance and third cumulant of the metric over the latest ``scale`` windows, weighted by their labels.

    The variance: sampling of all labels, day effects (an AR(1)'s, weighted), and the reference's own mean.
    """
    safe = np.maximum(total, 1.0)
    design = null.design(windows)
    at = design if scale == 1 else latest(design * weight[:, None], scale) / safe[:, None]
    at = np.where((total > 0)[:, None], at, design)
    natural = latest(weight**2, scale)
    for lag in range(1, scale):
        if null.phi**lag < _FORGOTTEN:
            break
        together = np.zeros_like(weight)
        together[lag:] = weight[lag:] * weight[:-lag]
        natural += 2 * null.phi**lag * latest(together, scale - lag)
    natural = np.where(total > 0, natural / safe**2, 1.0)
    own = null.own_variance * null.leverage(at)
    variance = null.sampling / safe + null.tau2 * natural + own
    third = null.skew * null.sampling**1.5 / safe**2
    mean = np.full(len(windows), null.mean) if null.fit is None else at @ null.fit
    return mean, variance, third


def _critical(null: MetricNull, total: Values, level: float, scale: int, *, heavy: bool) -> Values:
    """Return the z to exceed: Student's t, with heavier tails for a single window where days have outliers."""
    own = np.full(total.shape, -float(special.stdtrit(null.freedom, level)))
    if not heavy or scale > 1:
        return own
    sampling = null.sampling / np.maximum(total, 1.0)
    natural = np.sqrt(null.tau2 / np.maximum(null.tau2 + sampling, 1e-300))
    far = -special.stdtrit(_HEAVY, level) * np.sqrt((_HEAVY - 2) / _HEAVY)
    return np.asarray(np.maximum(own, far * natural), dtype=np.float64)


def _forget_what_is_over(tests: Sequence[_Test]) -> None:
    """Take back what a long mean says where the latest windows say that it is over: they are clearly nearer to the reference."""
    for place, test in enumerate(tests):
        for shorter in tests[:place]:
            over = shorter.judged & (shorter.worse < test.worse - _CLEARLY * shorter.sd)
            test.ratio = np.where(over & (test.ratio > 1), 0.0, test.ratio)


def interval(spec: ModelSpec, check: Check, outcomes: Profile, value: Values) -> tuple[Values, Values]:
    """Return the 95 % interval of a metric by sampling, NaN where that, or the ``value``, is not known."""
    low, high = metric_intervals(spec, check, outcomes)
    known = np.isfinite(value)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def with_skew(z: Values, skew: Values) -> Values:
    """Return the value that a sum with this skew exceeds as rarely as a normal one exceeds ``z``; never less (Wilson and Hilferty 1931)."""
    gamma = np.where(skew > 1e-6, skew, 1.0)
    far = 2 / gamma * ((1 + gamma / 6 * (z - gamma / 6)) ** 3 - 1)
    return np.asarray(np.where(skew > 1e-6, np.maximum(far, z), z))


def without_skew(z: Values, skew: Values) -> Values:
    """Undo :func:`with_skew`."""
    gamma = np.where(skew > 1e-6, skew, 1.0)
    with np.errstate(invalid="ignore"):
        straight = 6 / gamma * (np.cbrt(np.maximum(1 + gamma * z / 2, 0.0)) - 1) + gamma / 6
    return np.asarray(np.where((skew > 1e-6) & (z > 0), np.minimum(straight, z), z))


def latest(values: NDArray[Any], scale: int) -> NDArray[Any]:
    """Return the sum over the latest ``scale`` rows at every row (fewer at the start)."""
    if scale == 1:
        return values
    sums = np.cumsum(values, axis=0)
    sums[scale:] = sums[scale:] - sums[:-scale]
    return sums


def merge_latest(outcomes: Profile, usable: Flags, scale: int) -> Profile:
    """Return at every window the profile of the ``usable`` ones among the latest ``scale``: as :meth:`Profile.total`, for all at once."""
    counts = np.asarray(latest(np.where(usable[:, None], outcomes.counts, 0), scale), dtype=np.int64)
    n = np.where(usable[:, None], outcomes.valid_counts(), 0).astype(np.float64)
    mean, m2 = outcomes.moments[:, MEAN::4], outcomes.moments[:, M2::4]
    held = n > 0
    first = np.divide(
        np.where(held, n * mean, 0.0).sum(axis=0), n.sum(axis=0), out=np.zeros(n.shape[1]), where=n.sum(axis=0) > 0
    )
    with np.errstate(over="ignore", invalid="ignore"):  # values near 1e308 have no finite second moment
        off = np.where(held, mean - first, 0.0)
        weight, one, two = (np.zeros_like(off) for _ in range(3))
        for lag in range(min(scale, len(n))):
            now = slice(lag, None), slice(None, len(n) - lag)
            weight[now[0]] += n[now[1]]
            one[now[0]] += (n * off)[now[1]]
            two[now[0]] += (np.where(held, m2, 0.0) + n * off**2)[now[1]]
        middle = np.divide(one, weight, out=np.zeros_like(one), where=weight > 0)
        square = np.maximum(two - weight * middle**2, 0.0)
    moments = np.empty((len(n), outcomes.layout.n_moments))
    moments[:, MEAN::4] = np.where(weight > 0, first + middle, 0.0)
    moments[:, M2::4] = square
    moments[:, MIN::4] = np.where(held, outcomes.moments[:, MIN::4], np.inf).min(axis=0, initial=np.inf)
    moments[:, MAX::4] = np.where(held, outcomes.moments[:, MAX::4], -np.inf).max(axis=0, initial=-np.inf)
    return Profile(outcomes.layout, counts, moments)
