"""Readings of estimated performance: harmful only where the whole interval lies beyond the limit of the realised metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from monitors import explain
from monitors.estimates.estimator import Estimate, Estimated
from monitors.evidence import Levels
from monitors.judge_performance import performance_limit
from monitors.metric_null import MetricNull
from monitors.types import ESTIMATED, Check, Reading, Verdict

BLIND = "This rests on the inputs alone: if the rule from inputs to labels changed, it cannot see it."
SURPRISE = (
    1.5  # half-widths of the 95 % interval (about 3 standard deviations) beyond which realised and estimated disagree
)


@dataclass(frozen=True, slots=True)
class Judging:
    """What all estimates of one reference are judged by.

    ``headline``: the metric that may page. ``limit_level``: the level that one window's realised metric is held to.
    """

    checks: Mapping[str, Check]
    nulls: Mapping[str, MetricNull]
    headline: str | None
    levels: Levels
    limit_level: float
    tolerance: float
    min_rows: int


def judge_estimates(judging: Judging, estimated: Estimated, blank: Reading) -> list[Reading]:
    """Return one reading a metric that the task has and that could be estimated; ``blank`` has the window's model and times."""
    return [
        _reading(judging, judging.checks[name], estimate, estimated, blank)
        for name, estimate in estimated.metrics.items()
        if name in judging.checks and name in judging.nulls and math.isfinite(estimate.value)
    ]


def unsaid(judging: Judging, why: str, n: int, blank: Reading) -> list[Reading]:
    """Return the reading of a window that cannot be estimated, of the headline metric; none for a model without one."""
    if judging.headline is None or judging.headline not in judging.checks:
        return []
    check = judging.checks[judging.headline]
    verdict: Verdict = "insufficient" if n else "no_data"
    words = (
        "No rows arrived, so there is nothing to estimate." if not n else f"{check.label} cannot be estimated: {why}."
    )
    return [replace(blank, check=f"{ESTIMATED}{check.name}", unit=check.unit, n=n, verdict=verdict, sentence=words)]


def _reading(judging: Judging, check: Check, estimate: Estimate, estimated: Estimated, blank: Reading) -> Reading:
    null = judging.nulls[check.name]
    null = replace(null, mean=float(null.expected([blank.window])[0]))  # of its season
    n = estimated.n
    limit = float(
        performance_limit(
            null,
            check,
            np.asarray(float(n)),
            np.asarray(estimate.value),
            judging.limit_level,
            judging.tolerance,
        )
    )
    lower, upper = _within(check, *estimate.interval())
    sure_lower, sure_upper = estimate.interval(1 - 2 * judging.levels.page_estimate)  # one side of it is looked at
    worse = {"higher_is_worse": sure_lower > limit, "lower_is_worse": sure_upper < limit}
    beyond = worse.get(check.direction, sure_lower > limit > null.mean or sure_upper < limit < null.mean)
    few, outside = n < judging.min_rows, estimated.outside
    harmful = bool(beyond and not few and not outside)
    verdict: Verdict = "ok"
    if few or outside:
        verdict = "insufficient"
    elif harmful:
        verdict = "critical" if check.name == judging.headline else "warning"
    sign = -1.0 if check.direction == "lower_is_worse" else 1.0
    loss = abs(estimate.value - null.mean) if check.direction == "both" else sign * (estimate.value - null.mean)
    return replace(
        blank,
        check=f"{ESTIMATED}{check.name}",
        unit=check.unit,
        value=estimate.value,
        reference_value=null.value,
        threshold=limit,
        effect=loss / null.scale if null.scale > 0 else math.nan,
        n=n,
        n_reference=int(estimate.effective),
        verdict=verdict,
        significant=harmful,
        material=harmful,
        harmful=harmful,
        ci_lower=lower,
        ci_upper=upper,
        drivers=((estimated.method, estimated.effective_share),),
        sentence=_sentence(judging, check, estimate, estimated, limit, (lower, upper), harmful=harmful),
    )


def _sentence(
    judging: Judging, check: Check, estimate: Estimate, estimated: Estimated, limit: float, within: tuple[float, float], *, harmful: bool
) -> str:  # fmt: skip
    if estimated.n < judging.min_rows:
        return explain.too_few(estimated.n, judging.min_rows, "estimates")
    told = [explain.number(held, check.unit) for held in (estimate.value, *within, limit)]
    name = explain.inside(check.label)
    if estimated.outside:
        share = explain.number(estimated.effective_share, "share")
        return (
            f"The inputs lie outside of the reference: only {share} of its rows look like them, so {name} cannot be estimated. "
            f"A guess would be {told[0]}. {BLIND}"
        )
    words = f"Once its labels come, {name} is to be expected at {told[0]}, between {told[1]} and {told[2]}"
    beside = f": all of it beyond the limit of {told[3]}." if harmful else f"; the limit is {told[3]}."
    moved = (
        " The inputs moved: what few rows of the reference look like them count, which widens the interval."
        if estimated.weighted
        else ""
    )
    return f"{words}{beside}{moved} {BLIND}"


def _within(check: Check, lower: float, upper: float) -> tuple[float, float]:
    """Keep an interval to the values a metric can have."""
    if check.unit in ("share", "area"):
        return max(lower, 0.0), min(upper, 1.0)
    return (max(lower, 0.0) if check.direction == "higher_is_worse" else lower), upper


def surprise(value: float, lower: float, upper: float, realised: float, coverage: float) -> bool:
    """Return whether a realised metric is so far from the estimate that inputs do not explain it.

    ``coverage``: share of the window's rows with a label; of fewer labels chance moves the realised value by more.
    """
    reach = max(upper - value, value - lower) * SURPRISE / math.sqrt(min(max(coverage, 1e-9), 1.0))
    return bool(math.isfinite(realised) and abs(realised - value) > reach)
