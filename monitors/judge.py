"""Verdicts: every check of every column and every metric, for all windows at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors import explain
from monitors.calibration import Calibration, MetricNull, windows_per_year
from monitors.checks._cells import Values, ratio
from monitors.evidence import (
    ColumnNull,
    Levels,
    column_p_values,
    divergence_beyond,
    divergence_threshold,
    levels,
    share_p_values,
)
from monitors.registry import DECIDING, column_checks, concept_column, headline_check, metric_values, performance_checks
from monitors.types import Check, Reading, Verdict
from reference_data.declaration import ModelSpec
from reference_data.profile import ColumnProfile, Layout, Profile
from reference_data.reference import Reference
from reference_data.windows import Window

Flags = NDArray[np.bool_]

LEAST_COVERAGE = 0.5  # share of rows that must have a label before outcomes are judged
#: By how much a share may change before it matters, and whether only a rise counts.
SHARE_LIMITS: dict[str, tuple[float, bool]] = {
    "missing_share": (0.05, False),
    "unseen_share": (0.01, True),
    "out_of_range_share": (0.05, True),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """What all readings of one call share."""

    spec: ModelSpec
    reference: Reference
    calibration: Calibration
    levels: Levels
    windows: Sequence[Window]
    coverage: Values  # labelled share of rows, NaN without rows
    blank: Reading  # with the fields that are the same in every reading
    importance: Mapping[str, float]

    def readings(
        self, check: Check, column: str | None, n: NDArray[np.int64], columns: dict[str, list[object]]
    ) -> list[Reading]:
        """Make one reading a window; ``columns`` holds a list by field for what differs between windows."""
        common = {
            **{name: getattr(self.blank, name) for name in _SHARED},
            "check": check.name,
            "scope": check.scope,
            "column": column,
            "unit": check.unit,
        }
        fields = {"n": n.tolist(), **columns}
        names = tuple(fields)
        rows = zip(self.windows, *fields.values(), strict=True)
        return [Reading(window=window, **common, **dict(zip(names, row, strict=True))) for window, *row in rows]


_SHARED = ("model", "model_version", "reference_version", "segment", "computed_at")


def judge(
    spec: ModelSpec,
    reference: Reference,
    calibration: Calibration,
    windows: Sequence[Window],
    inputs: Profile,
    outcomes: Profile | None,
    labels_expected: NDArray[np.int64] | Sequence[int] | None,
    model_version: str,
    importance: Mapping[str, float] | None,
    now: datetime,
) -> list[Reading]:
    """Return the readings of all windows, in the order of columns, then checks, then windows.

    ``inputs`` and ``outcomes`` have a leading axis (windows,). ``labels_expected`` is the number of rows a window that should
    get a label, None for all of them. A column's verdict stands in its ``jensen_shannon`` reading; the other checks show the
    same window in other units. ``importance`` (any non-negative scale) only adds to sentences. One column that cannot be
    judged becomes an ``error`` reading. Raises :class:`ValueError` when windows and profiles differ in number.
    """
    if inputs.rows.shape != (len(windows),):
        raise ValueError(f"{len(windows)} windows need profiles of shape ({len(windows)},), not {inputs.rows.shape}")
    expected = inputs.rows if labels_expected is None else np.asarray(labels_expected, dtype=np.int64)
    labelled = reference.outcomes is not None and spec.task != "none"
    if not labelled:
        outcomes = None
    elif outcomes is None and reference.outcomes is not None:
        outcomes = reference.outcomes.layout.empty(len(windows))
    coverage = ratio(np.zeros(len(windows)) if outcomes is None else outcomes.rows, expected)
    run = _run(spec, reference, calibration, windows, coverage, model_version, importance, now)
    found = list(_traffic(run, inputs, labelled=labelled))
    total = reference.inputs.total()
    for name in reference.inputs.layout.names:
        found += _column(run, name, total, inputs, np.zeros(len(windows), dtype=bool))
    if outcomes is None or reference.outcomes is None:
        return found
    performance, harmful = _performance(run, outcomes)
    total = reference.outcomes.total()
    concept = concept_column(total.layout)
    judged = {name: np.zeros_like(harmful) for name in ("label",) if name in total.layout.names}
    judged |= {} if concept is None else {concept: harmful}
    for name, harm in judged.items():
        found += _column(run, name, total, outcomes, harm, late=True)
    return found + performance


def _run(
    spec: ModelSpec,
    reference: Reference,
    calibration: Calibration,
    windows: Sequence[Window],
    coverage: Values,
    model_version: str,
    importance: Mapping[str, float] | None,
    now: datetime,
) -> _Run:
    budget = spec.monitor.alert_budget
    blank = Reading(
        model=spec.name, model_version=model_version, reference_version=reference.version, check="", scope="column",
        column=None, segment=None, window=reference.period, value=np.nan, reference_value=np.nan, threshold=np.nan,
        lower=np.nan, upper=np.nan, p_value=np.nan, effect=np.nan, n=0, n_reference=reference.rows, verdict="ok",
        significant=False, material=False, harmful=False, unit="", sentence="", computed_at=now,
    )  # fmt: skip
    total = sum(importance.values()) if importance else 0.0
    return _Run(
        spec=spec,
        reference=reference,
        calibration=calibration,
        levels=levels(
            windows_per_year(calibration.window_spec),
            len(calibration.columns),
            budget.pages_per_year,
            budget.warnings_per_year,
        ),
        windows=windows,
        coverage=coverage,
        blank=blank,
        importance={} if total <= 0 or importance is None else {k: v / total for k, v in importance.items()},
    )


_ROWS = Check("row_count", "column", frozenset(), "rows", "both", "Rows in the window.", "", title="Rows")
_COVERAGE = Check("label_coverage", "column", frozenset(), "share", "lower_is_worse", "Share of rows with a label.", "")


def _traffic(run: _Run, inputs: Profile, *, labelled: bool) -> Iterator[Reading]:
    """Yield how many rows each window has, and how many of them have a label."""
    least, usual = run.spec.monitor.min_rows, run.calibration.median_rows
    for window, rows, coverage in zip(run.windows, inputs.rows.tolist(), run.coverage.tolist(), strict=True):
        verdict: Verdict = "no_data" if rows == 0 else "insufficient" if rows < least else "ok"
        sentence = f"{rows:,} rows, where a window of the reference has {usual:,.0f}."
        if rows == 0:
            sentence = f"No rows arrived in this window; a window of the reference has {usual:,.0f}."
        yield replace(
            run.blank, check=_ROWS.name, scope="traffic", window=window, value=float(rows), reference_value=usual,
            threshold=float(least), n=rows, verdict=verdict, unit=_ROWS.unit, sentence=sentence,
        )  # fmt: skip
        if labelled and rows > 0:
            low = coverage < LEAST_COVERAGE
            yield replace(
                run.blank, check=_COVERAGE.name, scope="traffic", window=window, value=coverage, reference_value=1.0,
                threshold=LEAST_COVERAGE, n=rows, unit=_COVERAGE.unit,
                verdict="no_data" if coverage == 0 else "insufficient" if low else "ok",
                sentence=f"Labels have arrived for {explain.number(coverage, 'share')} of rows.",
            )  # fmt: skip


def _column(
    run: _Run, name: str, reference: Profile, current: Profile, harmful: Flags, *, late: bool = False
) -> list[Reading]:
    """Judge one column in all windows; whatever goes wrong becomes its reading. ``late``: it waits for labels."""
    try:
        base, now = reference.column(name), current.column(name)
        null = run.calibration.columns[name]
        states = _States(run, base, now, late=late)
        p = column_p_values(null, base, now)
        checks = column_checks(base.entry)
        readings, drifted = _deciding(run, checks[DECIDING], null, base, now, states, p, harmful)
        for check in checks.values():
            if check.name in SHARE_LIMITS:
                readings += _share(run, check, null, base, now, states)
            elif check.name != DECIDING:
                readings += _beside(run, check, null, base, now, states, p, drifted)
        return readings
    except Exception as error:
        words = f"{name} could not be judged: {error}"
        blank = replace(
            run.blank, check=DECIDING, column=name, verdict="error", error=words, sentence=words, unit="distance"
        )
        return [replace(blank, window=window) for window in run.windows]


class _States:
    """Whether there is enough to judge, window by window: by rows (shares of rows) and by values (distributions)."""

    def __init__(self, run: _Run, reference: ColumnProfile, column: ColumnProfile, *, late: bool) -> None:
        self._run, self._name, self._late = run, reference.entry.column.name, late
        self._unknown = int(reference.valid) == 0
        self.n, self.rows = column.valid, column.rows
        self.by_value = self._states(column.valid, unknown=self._unknown)
        self.by_row = self._states(column.rows, unknown=False)

    def _states(self, n: NDArray[np.int64], *, unknown: bool) -> list[Verdict | None]:
        few = (n < self._run.spec.monitor.min_rows) | unknown
        if self._late:
            few = few | (self._run.coverage < LEAST_COVERAGE)
        none = self.rows == 0
        return [("no_data" if none[i] else "insufficient") if few[i] else None for i in range(len(few))]

    def sentence(self, window: int, n: int) -> str:
        """Say why this window cannot be judged."""
        if self._late and n == 0:
            return f"No labels have arrived yet, so {self._name} cannot be judged."
        if n == 0:
            return f"No values of {self._name} arrived in this window."
        if self._unknown:
            return f"The reference holds no values of {self._name}, so there is nothing to compare with."
        if self._late and self._run.coverage[window] < LEAST_COVERAGE:
            return explain.low_coverage(float(self._run.coverage[window]), self._name)
        return explain.too_few(n, self._run.spec.monitor.min_rows, self._name)


def _deciding(
    run: _Run,
    check: Check,
    null: ColumnNull,
    base: ColumnProfile,
    now: ColumnProfile,
    states: _States,
    p: Values,
    harmful: Flags,
) -> tuple[list[Reading], Flags]:
    """Return the reading that carries the column's verdict, and where it drifted."""
    assert check.column_function is not None
    tolerance = run.spec.monitor.tolerance
    value = check.column_function(base, now)
    effect = divergence_beyond(null, base, now, value)
    threshold = divergence_threshold(null, base, now, tolerance)
    judged = np.asarray([state is None for state in states.by_value], dtype=bool)
    significant = judged & (p < run.levels.column)
    material = judged & (value > threshold) & (effect > tolerance)
    drifted = significant & material
    movement = explain.Movement(base, now)
    name = base.entry.column.name
    leaning = run.importance.get(name)

    def sentence(i: int) -> str:
        if states.by_value[i] is not None:
            return states.sentence(i, int(states.n[i]))
        if drifted[i]:
            return explain.drifted(movement, i, values[i], thresholds[i], leaning)
        return explain.steady(
            name, values[i], thresholds[i], significant=bool(significant[i]), material=bool(material[i])
        )

    values, thresholds = value.tolist(), threshold.tolist()
    low, high = null.bands[check.name]
    k = len(run.windows)
    expected = np.sqrt(np.maximum(value**2 - effect**2, 0.0))
    fields: dict[str, list[object]] = {
        "value": values,
        "reference_value": np.where(effect > 0, expected, value).tolist(),
        "threshold": thresholds,
        "lower": [low] * k,
        "upper": [high] * k,
        "p_value": p.tolist(),
        "effect": effect.tolist(),
        "n_reference": [int(base.valid)] * k,
        "verdict": [states.by_value[i] or ("drift" if drifted[i] else "ok") for i in range(k)],
        "significant": significant.tolist(),
        "material": material.tolist(),
        "harmful": (drifted & harmful).tolist(),
        "sentence": [sentence(i) for i in range(k)],
    }
    return run.readings(check, name, states.n, fields), drifted


def _beside(
    run: _Run,
    check: Check,
    null: ColumnNull,
    base: ColumnProfile,
    now: ColumnProfile,
    states: _States,
    p: Values,
    drifted: Flags,
) -> list[Reading]:
    """Return a check that shows the same window in another unit: it flags only where the column drifted as well."""
    assert check.column_function is not None
    value = check.column_function(base, now)
    low, high = null.bands[check.name]
    beyond = drifted & ~(value <= high)
    name, k = base.entry.column.name, len(run.windows)
    values = value.tolist()
    significant = np.asarray([s is None for s in states.by_value], dtype=bool) & (p < run.levels.column)
    fields: dict[str, list[object]] = {
        "value": values,
        "reference_value": [np.nan] * k,
        "threshold": [high] * k,
        "lower": [low] * k,
        "upper": [high] * k,
        "p_value": p.tolist(),
        "effect": values,
        "n_reference": [int(base.valid)] * k,
        "verdict": [states.by_value[i] or ("drift" if beyond[i] else "ok") for i in range(k)],
        "significant": significant.tolist(),
        "material": beyond.tolist(),
        "harmful": [False] * k,
        "sentence": [
            explain.measured(check, name, values[i], low, high)
            if state is None
            else states.sentence(i, int(states.n[i]))
            for i, state in enumerate(states.by_value)
        ],
    }
    return run.readings(check, name, states.n, fields)


def _share(
    run: _Run, check: Check, null: ColumnNull, base: ColumnProfile, now: ColumnProfile, states: _States
) -> list[Reading]:
    """Judge a share of rows by a test of its own: missing values leave the distribution of the rest untouched."""
    assert check.column_function is not None
    of_rows = check.name == "missing_share"
    n, state = (states.rows, states.by_row) if of_rows else (states.n, states.by_value)
    n_reference = int(base.rows if of_rows else base.valid)
    usual = null.shares[check.name]
    value = check.column_function(base, now)
    p = share_p_values(usual, value, n, float(n_reference), max(null.windows, 1))
    limit, only_rise = SHARE_LIMITS[check.name]
    change = value - usual.mean
    judged = np.asarray([s is None for s in state], dtype=bool)
    significant = judged & (p < run.levels.share)
    material = judged & ((change if only_rise else np.abs(change)) > limit)
    broken = significant & material
    low, high = null.bands[check.name]
    name, k, values = base.entry.column.name, len(run.windows), value.tolist()
    fields: dict[str, list[object]] = {
        "value": values,
        "reference_value": [usual.mean] * k,
        "threshold": [usual.mean + limit] * k,
        "lower": [low] * k,
        "upper": [high] * k,
        "p_value": p.tolist(),
        "effect": np.abs(change).tolist(),
        "n_reference": [n_reference] * k,
        "verdict": [state[i] or ("warning" if broken[i] else "ok") for i in range(k)],
        "significant": significant.tolist(),
        "material": material.tolist(),
        "harmful": [False] * k,
        "sentence": [
            explain.share(check.name, name, values[i], usual.mean, broken=bool(broken[i]))
            if state[i] is None
            else states.sentence(i, int(n[i]))
            for i in range(k)
        ],
    }
    return run.readings(check, name, n, fields)


def _performance(run: _Run, outcomes: Profile) -> tuple[list[Reading], Flags]:
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


def _metric(run: _Run, check: Check, null: MetricNull, outcomes: Profile, *, headline: bool) -> list[Reading]:
    value = metric_values(run.spec, check, outcomes)
    n = outcomes.rows
    level, tolerance = run.levels.performance, run.spec.monitor.performance_tolerance
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
