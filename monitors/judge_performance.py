"""Verdicts on realised performance: the headline metric at all scales, which pages, and the others window by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import special

from monitors import explain
from monitors.calibration import Calibration, windows_per_year
from monitors.checks._cells import Values, ratio
from monitors.evidence import Levels
from monitors.harm import find_harm, harm_scales, shares_of_level, with_skew
from monitors.judge_run import LEAST_COVERAGE, Flags, Run
from monitors.metric_null import MetricNull
from monitors.reading_blocks import Column
from monitors.registry import headline_check, performance_checks
from monitors.types import Check, Reading, Verdict
from reference_data.profile import Profile
from reference_data.windows import Window

_DAYS_OF_YEAR = 365.25


def judge_performance(
    run: Run, windows: Sequence[Window], outcomes: Profile, usable: Flags
) -> tuple[list[Reading], Flags]:
    """Judge every metric of the task; return the readings of the judged windows and where the headline metric shows harm.

    ``windows``, ``outcomes`` and ``usable`` (labels enough to speak for a window) also have those before the judged ones.
    """
    headline = headline_check(run.spec, outcomes.layout)
    harmful = np.zeros(len(run.windows), dtype=bool)
    readings: list[Reading] = []
    for check in performance_checks(run.spec, outcomes.layout).values():
        is_headline = headline is not None and check.name == headline.name
        if check.name not in run.calibration.metrics:  # as calibration of scores that are no probabilities
            readings += _unknown(run, check) if is_headline else []
            continue
        try:
            found = _metric(run, check, windows, outcomes, usable, headline=is_headline)
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


def _unknown(run: Run, check: Check) -> list[Reading]:
    """Return the readings of a metric that cannot be said of the reference either, such as an area where each window holds one class."""
    words = (
        f"{check.label} cannot be worked out from any window of the reference, so there is nothing to hold it against."
    )
    blank = replace(
        run.blank, check=check.name, scope="performance", verdict="insufficient", unit=check.unit, sentence=words
    )
    return [replace(blank, window=window) for window in run.windows]


def performance_limit(
    null: MetricNull, check: Check, n: Values, value: Values, level: float, tolerance: float
) -> Values:
    """Return the value beyond which a metric is both significantly and materially worse, for single windows of ``n`` labels.

    Reference mean plus Student's t quantile times the standard deviation between windows of so many labels, widened for the uncertain
    mean and for the skew of few losses; never nearer than ``tolerance`` of the metric's scale. For a metric that may err
    both ways, the limit on the side of ``value``.
    """
    two_sided = check.direction == "both"
    safe = np.maximum(n, 1.0)
    sd = np.sqrt(null.sampling / safe + null.tau2 + null.own_variance / null.windows)
    skew = 0.0 if two_sided else null.skew * null.sampling**1.5 / safe**2 / np.maximum(sd, 1e-300) ** 3
    quantile = np.full(safe.shape, -float(special.stdtrit(null.freedom, level / 2 if two_sided else level)))
    reach = np.maximum(with_skew(quantile, np.asarray(skew, dtype=np.float64)) * sd, tolerance * null.scale)
    if two_sided:
        return np.asarray(null.mean + np.where(value >= null.mean, reach, -reach))
    return np.asarray(null.mean + reach if check.direction == "higher_is_worse" else null.mean - reach)


def headline_scales(calibration: Calibration) -> tuple[int, ...]:
    """Return over how many windows together the headline metric is judged."""
    if calibration.outcomes is None:
        return (1,)
    return harm_scales(calibration.outcomes.scales, windows_per_year(calibration.window_spec) / _DAYS_OF_YEAR)


def single_window_level(levels: Levels, calibration: Calibration) -> float:
    """Return the level that one window by itself is held to: its part of what all scales of the headline metric share."""
    return levels.page_windows * shares_of_level(len(headline_scales(calibration)))[0]


def _metric(
    run: Run, check: Check, windows: Sequence[Window], outcomes: Profile, usable: Flags, *, headline: bool
) -> list[Reading]:
    null = run.calibration.metrics[check.name]
    scales: tuple[int, ...] = (1,)
    level = run.levels.page
    if headline:
        scales = headline_scales(run.calibration)
        level = run.levels.page_windows
    heavy = bool(run.calibration.inputs.heavy.size and run.calibration.inputs.heavy.mean() > 1 / 2)
    found = find_harm(run.spec, check, null, windows, outcomes, usable, level, scales, heavy=headline and heavy)
    harm, n = found[run.judged], outcomes.rows[run.judged]
    k, values, limits, harmful = len(run.windows), harm.value.tolist(), harm.limit.tolist(), harm.harmful.tolist()
    lower, upper = _natural(null, check)

    def sentence(i: int) -> str:
        if not harm.judged[i]:
            return _unsaid(run, check, i, int(n[i]))
        usual = float(harm.expected[i]) if null.season is not None else null.value
        over = run.over(int(harm.scale[i]))
        return explain.performance(check, values[i], usual, limits[i], worse=harmful[i], over=over)

    def verdict(i: int) -> Verdict:
        if not harm.judged[i]:
            return "no_data" if n[i] == 0 else "insufficient"
        return ("critical" if headline else "warning") if harmful[i] else "ok"

    fields: dict[str, Column] = {
        "value": values,
        "reference_value": [null.value] * k,
        "threshold": limits,
        "lower": [lower] * k,
        "upper": [upper] * k,
        "p_value": harm.p.tolist(),
        "effect": ratio(harm.worse, np.asarray(null.scale)).tolist(),
        "n_reference": [null.n] * k,
        "verdict": [verdict(i) for i in range(k)],
        "significant": harm.significant.tolist(),
        "material": harm.material.tolist(),
        "harmful": harmful,
        "scale": harm.scale.tolist(),
        "ci_lower": harm.lower.tolist(),
        "ci_upper": harm.upper.tolist(),
        "coverage": run.coverage,
    }
    return list(run.readings(check, None, harm.n, fields, sentence))


def _unsaid(run: Run, check: Check, place: int, n: int) -> str:
    """Say why a window cannot be judged."""
    if n == 0:
        return f"No labels have arrived yet, so {explain.inside(check.label)} cannot be said."
    if not run.coverage[place] >= LEAST_COVERAGE:
        return explain.low_coverage(float(run.coverage[place]), "performance")
    if n < run.spec.monitor.min_rows:
        return explain.too_few(n, run.spec.monitor.min_rows, "performance")
    return f"{check.label} cannot be worked out from the labels of this window."


def _natural(null: MetricNull, check: Check) -> tuple[float, float]:
    """Return the 95 % prediction band of one more reference window."""
    reach = float(special.stdtrit(null.freedom, 0.975)) * null.sd * np.sqrt(1 + 1 / null.windows)
    low, high = null.mean - reach, null.mean + reach
    if check.unit == "share":
        return max(low, 0.0), min(high, 1.0)
    return (low if check.direction == "both" else max(low, 0.0)), high
