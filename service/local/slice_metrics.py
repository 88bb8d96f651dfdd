"""How well a model did in two slices: each metric with its interval, and the difference with its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors import explain
from monitors.registry import headline_check, metric_intervals, metric_values, performance_checks
from reference_data.profile import Profile, stack
from service.local.convert import number
from service.local.series import sum_groups

if TYPE_CHECKING:
    from monitors.types import Check
    from reference_data.declaration import ModelSpec
    from service.comparing_views import ComparedMetric
    from service.local.slice_profiles import Slice

FEWEST_DAYS = 5  # on either side for days to say how much a metric varies; below, rows are taken as independent
_STRETCHES = 40  # most parts that a slice is cut into for that
_LEVEL = 0.95
_Z = 1.959964

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Told:
    """A metric of one side, or a difference: value, standard error, degrees of freedom."""

    value: float
    error: float
    freedom: float

    def reach(self, level: float = _LEVEL) -> float:
        return float(special.stdtrit(max(self.freedom, 1.0), (1 + level) / 2)) * self.error


def compared_metrics(
    spec: ModelSpec, left: Slice, right: Slice, alpha: float
) -> tuple[list[ComparedMetric], list[str]]:
    """Return the metrics of both slices, the headline one first, and notes on how they were told apart.

    With five labelled days or more on either side, by a jackknife over days (Efron and Tibshirani 1993, An Introduction to the Bootstrap,
    11), of the difference where both have the same days, else of each side (Welch). With fewer, from the metric's own interval of
    independent rows. Better is what lies apart at ``alpha`` over all metrics (Bonferroni).
    """
    if left.outcomes is None or right.outcomes is None:
        return [], ["without labels in both slices nothing can be said of how well the model did"]
    layout = left.outcomes.layout
    headline = headline_check(spec, layout)
    checks = performance_checks(spec, layout)
    if headline is None or not checks:
        return [], []
    ordered = [headline, *(check for name, check in checks.items() if name != headline.name)]
    by_days = min(len(left.outcome_days), len(right.outcome_days)) >= FEWEST_DAYS
    paired = by_days and left.outcome_days == right.outcome_days
    sides = tuple(
        _Side.of(side.outcomes, side.outcome_days, by_days) for side in (left, right) if side.outcomes is not None
    )
    level = 1 - alpha / len(ordered)
    found = [
        _metric(spec, check, sides[0], sides[1], paired=paired, level=level, headline=check is headline)
        for check in ordered
    ]
    words = (
        "intervals of metrics say what days vary by (jackknife over days" + (", paired by day)" if paired else ")")
        if by_days
        else f"with fewer than {FEWEST_DAYS} labelled days on a side, intervals of metrics take rows as independent: days may vary by more"
    )
    return found, [words]


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    whole: Profile
    without: Profile | None  # each stretch of days left out in turn

    @classmethod
    def of(cls, daily: Profile, days: Sequence[datetime], by_days: bool) -> _Side:  # noqa: FBT001
        whole = daily.total()
        if not by_days:
            return cls(whole, None)
        size = -(-len(days) // _STRETCHES)
        parts = sum_groups(
            daily.layout, daily, [list(range(at, min(at + size, len(days)))) for at in range(0, len(days), size)]
        )
        count = parts.rows.shape[0]
        return cls(whole, stack([parts[np.arange(count) != left_out].total() for left_out in range(count)]))


def _metric(
    spec: ModelSpec, check: Check, left: _Side, right: _Side, *, paired: bool, level: float, headline: bool
) -> ComparedMetric:
    before, after = (_told(spec, check, side) for side in (left, right))
    difference = _difference(spec, check, left, right, before, after, paired=paired)
    low, high = difference.value - difference.reach(), difference.value + difference.reach()
    apart = abs(difference.value) > difference.reach(level)  # not where either is unknown
    rises = difference.value > 0
    better = None
    if apart and check.direction in ("higher_is_worse", "lower_is_worse"):
        better = "reference" if rises == (check.direction == "higher_is_worse") else "current"
    return {
        "metric": check.name,
        "label": explain.metric_label(check.name),
        "unit": check.unit,
        "reference": number(before.value),
        "reference_lower": number(_least(check, before)),
        "reference_upper": number(before.value + before.reach()),
        "current": number(after.value),
        "current_lower": number(_least(check, after)),
        "current_upper": number(after.value + after.reach()),
        "difference": number(difference.value),
        "lower": number(low),
        "upper": number(high),
        "apart": bool(apart),
        "better": better,  # type: ignore[typeddict-item]
        "headline": headline,
    }


def _least(check: Check, told: _Told) -> float:
    low = told.value - told.reach()
    return max(low, 0.0) if check.direction == "higher_is_worse" else low  # no error is below 0


def _told(spec: ModelSpec, check: Check, side: _Side) -> _Told:
    value = float(metric_values(spec, check, side.whole))
    if side.without is None:
        low, high = (float(end) for end in metric_intervals(spec, check, side.whole))
        return _Told(value, (high - low) / (2 * _Z), math.inf)
    return _Told(value, *_jackknife(metric_values(spec, check, side.without)))


def _jackknife(values: Values) -> tuple[float, float]:
    """Return standard error and degrees of freedom of what leaving out each part gave."""
    k = len(values)
    return math.sqrt((k - 1) / k * float(((values - values.mean()) ** 2).sum())), k - 1.0


def _difference(
    spec: ModelSpec, check: Check, left: _Side, right: _Side, before: _Told, after: _Told, *, paired: bool
) -> _Told:
    value = after.value - before.value
    if paired and left.without is not None and right.without is not None:
        return _Told(
            value, *_jackknife(metric_values(spec, check, right.without) - metric_values(spec, check, left.without))
        )
    variances = [told.error**2 for told in (before, after)]
    whole = sum(variances)
    if not math.isfinite(before.freedom) or whole == 0:
        return _Told(value, math.sqrt(whole), before.freedom)
    spread = sum(
        v**2 / told.freedom for v, told in zip(variances, (before, after), strict=True)
    )  # Welch and Satterthwaite
    return _Told(value, math.sqrt(whole), whole**2 / spread)
