"""Verdicts on realised performance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special

from monitors import explain
from monitors.calibration import MetricNull
from monitors.checks._cells import Values, ratio
from monitors.judge_run import LEAST_COVERAGE, Flags, Run
from monitors.registry import headline_check, metric_values, performance_checks
from monitors.types import Check, Reading, Verdict
from reference_data.profile import Profile


def judge_performance(run: Run, outcomes: Profile) -> tuple[list[Reading], Flags]:
    """Judge every metric of the task; return the readings and where the headline metric shows harm."""
    headline = headline_check(run.spec, outcomes.layout)
    harmful = np.zeros(len(run.windows), dtype=bool)
    readings: list[Reading] = []
    for check in performance_checks(run.spec, outcomes.layout).values():
        is_headline = headline is not None and check.name == headline.name
        try:
            found = _metric(run, check, run.calibration.metrics[check.name], outcomes, headline=is_headline)
        except Exception as error:
            words = f"{check.label} could not be judged: {error}"
            blank = replace(
                run.blank, check=check.name, scope="performance", verdict="error", error=words, sentence=words
            )
            found = [replace(blank, window=window) for window in run.windows]
        if is_headline:
            harmful = np.asarray([reading.harmful for reading in found], dtype=bool)
        readings += found
    return readings, harmful


def performance_limit(
    null: MetricNull, check: Check, n: Values, value: Values, level: float, tolerance: float
) -> Values:
    """Return the value beyond which a metric is both significantly and materially worse, for windows of ``n`` labels.

    Reference mean plus Student's t quantile times the standard deviation between windows, widened for the uncertain mean (a
    prediction interval for one more window) and for windows with fewer labels; never nearer than ``tolerance`` of the
    metric's scale. For a metric that may err both ways, the limit on the side of ``value``.
    """
    two_sided = check.direction == "both"
    quantile = -special.stdtrit(null.freedom, level / 2 if two_sided else level)
    reach = np.maximum(quantile * _spread(null, n), tolerance * null.scale)
    if two_sided:
        return np.asarray(null.mean + np.where(value >= null.mean, reach, -reach))
    return np.asarray(null.mean + reach if check.direction == "higher_is_worse" else null.mean - reach)


def _spread(null: MetricNull, n: Values) -> Values:
    """Return the standard deviation of one more window of ``n`` labels about the reference's mean."""
    fewer = np.maximum(null.rows / np.maximum(n, 1.0), 1.0)
    return np.asarray(null.sd * np.sqrt(fewer + 1 / null.windows))


def _metric(run: Run, check: Check, null: MetricNull, outcomes: Profile, *, headline: bool) -> list[Reading]:
    value = metric_values(run.spec, check, outcomes)
    n = outcomes.rows
    level, tolerance = run.levels.page, run.spec.monitor.performance_tolerance
    limit = performance_limit(null, check, n.astype(np.float64), value, level, tolerance)
    sign = -1.0 if check.direction == "lower_is_worse" else 1.0
    worse = np.abs(value - null.mean) if check.direction == "both" else sign * (value - null.mean)
    spread = _spread(null, n.astype(np.float64))
    t = np.divide(worse, spread, out=np.where(worse > 0, np.inf, 0.0), where=spread > 0)
    p = special.stdtr(null.freedom, -t) * (2 if check.direction == "both" else 1)
    few = (n < run.spec.monitor.min_rows) | (run.coverage < LEAST_COVERAGE) | np.isnan(value)
    significant, material = ~few & (p < level), ~few & (worse > tolerance * null.scale)
    harmful = significant & material
    lower, upper = _natural(null, check)
    values, limits, k = value.tolist(), limit.tolist(), len(run.windows)

    def sentence(i: int) -> str:
        if n[i] == 0:
            return f"No labels have arrived yet, so {check.label.lower()} cannot be said."
        if few[i] and run.coverage[i] < LEAST_COVERAGE:
            return explain.low_coverage(float(run.coverage[i]), "performance")
        if few[i]:
            return explain.too_few(int(n[i]), run.spec.monitor.min_rows, "performance")
        return explain.performance(check, values[i], null.value, limits[i], worse=bool(harmful[i]))

    def verdict(i: int) -> Verdict:
        if few[i]:
            return "no_data" if n[i] == 0 else "insufficient"
        return ("critical" if headline else "warning") if harmful[i] else "ok"

    fields: dict[str, list[object]] = {
        "value": values,
        "reference_value": [null.value] * k,
        "threshold": limits,
        "lower": [lower] * k,
        "upper": [upper] * k,
        "p_value": np.where(few, np.nan, p).tolist(),
        "effect": ratio(worse, np.asarray(null.scale)).tolist(),
        "n_reference": [null.n] * k,
        "verdict": [verdict(i) for i in range(k)],
        "significant": significant.tolist(),
        "material": material.tolist(),
        "harmful": harmful.tolist(),
        "sentence": [sentence(i) for i in range(k)],
    }
    return run.readings(check, None, n, fields)


def _natural(null: MetricNull, check: Check) -> tuple[float, float]:
    """Return the 95 % prediction band of one more reference window."""
    reach = float(special.stdtrit(null.freedom, 0.975)) * null.sd * np.sqrt(1 + 1 / null.windows)
    low, high = null.mean - reach, null.mean + reach
    if check.unit == "share":
        return max(low, 0.0), min(high, 1.0)
    return (low if check.direction == "both" else max(low, 0.0)), high
