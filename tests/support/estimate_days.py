"""Days of a model that never gets worse, and how often its estimates would page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from monitors.blank import blank_reading
from monitors.calibration import calibrate, windows_per_year
from monitors.estimates.estimator import Estimator, fit
from monitors.estimates.judge import Judging, judge_estimates
from monitors.evidence import levels
from monitors.judge_performance import single_window_level
from monitors.registry import headline_check, performance_checks
from monitors.types import ESTIMATED, Reading
from reference_data.declaration import ModelSpec
from tests.support.profiles import DAILY, NOW, class_outcomes, days, reference_of, regression_outcomes, spec_of

FEATURES = {"a": "numeric", "b": "numeric", "c": "numeric", "unused": "numeric", "kind": "categorical"}
REFERENCE_DAYS = 30


def day(rng: np.random.Generator, task: str, rows: int, number: int, change: str = "") -> dict[str, np.ndarray]:
    """Return a day's rows. Errors and labels turn on ``b`` and ``kind``, which the model does not know; days and weekends differ a little.

    ``change``: "unused" moves an input that nothing turns on, "harmless" those of the model, along which it is as good as ever;
    "harmful" those that lead to where the model is bad.
    """
    a, b, c, unused = rng.normal(size=(4, rows)) + 0.15 * rng.normal(size=(4, 1))
    if number % 7 > 4:
        b = b + 0.3
    if change == "unused":
        unused = unused + 1.0
    if change == "harmless":
        a, c = a + 1.0, c - 1.0
    if change == "harmful" and task == "binary":
        a, b, c = a / 3, b - 1.5, c / 3
    bad = 0.7 if change == "harmful" and task == "regression" else 0.1
    kind = rng.choice(np.array(["u", "v", "w"]), rows, p=[(1 - bad) / 2, (1 - bad) / 2, bad])
    found = {"a": a, "b": b, "c": c, "unused": unused, "kind": kind}
    if task == "regression":
        prediction = 20 + 2 * (a + c) + (kind == "v")
        spread = (1 + 0.5 * np.abs(b)) * np.where(kind == "w", 3.0, 1.0) * np.exp(0.05 * rng.normal())
        return found | {"prediction": prediction, "label": prediction + spread * rng.standard_t(6, size=rows)}
    score = 1 / (1 + np.exp(-(a + c)))
    right = 1 / (1 + np.exp(-(a + c) * (1 + 0.4 * b) + 0.1 * rng.normal()))
    return found | {
        "score": score,
        "prediction": np.where(score > 0.5, "yes", "no"),
        "label": np.where(rng.random(rows) < right, "yes", "no"),
    }


def _late(task: str, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if task == "regression":
        return regression_outcomes(rows["prediction"], rows["label"])
    return class_outcomes(rows["prediction"], rows["label"], rows["score"])


def _learned(spec: ModelSpec, frames: Sequence[Mapping[str, np.ndarray]]) -> tuple[Estimator, Judging]:
    table = pa.concat_tables([pa.table(dict(rows)) for rows in frames])
    places = np.repeat(np.arange(len(frames)), [len(rows["a"]) for rows in frames])
    estimator = fit(spec, spec.positive, table, None, places)
    inputs = [{name: rows[name] for name in FEATURES} for rows in frames]
    reference = reference_of(inputs, [_late(spec.task, rows) for rows in frames])
    assert reference.outcomes is not None
    layout, calibration = reference.outcomes.layout, calibrate(spec, reference, DAILY)
    headline, found = headline_check(spec, layout), levels(windows_per_year(DAILY), len(FEATURES) + 1, 0, 1.0, 1.0)
    assert headline is not None
    return estimator, Judging(
        checks=performance_checks(spec, layout),
        nulls=calibration.metrics,
        headline=headline.name,
        levels=found,
        limit_level=single_window_level(found, calibration),
        tolerance=spec.monitor.performance_tolerance,
        min_rows=spec.monitor.min_rows,
    )


def headline_readings(
    task: str, rows: int, seed: int, count: int, changes: Sequence[str] = ("",)
) -> dict[str, list[Reading]]:
    """Return the estimates of the headline metric on ``count`` days of each change, after one reference of REFERENCE_DAYS."""
    rng = np.random.default_rng(seed)
    spec = spec_of(task, features=FEATURES, positive="yes" if task == "binary" else None)
    estimator, judging = _learned(spec, [day(rng, task, rows, number) for number in range(REFERENCE_DAYS)])
    found: dict[str, list[Reading]] = {change: [] for change in changes}
    for change in changes:
        for place, window in enumerate(days(count, REFERENCE_DAYS)):
            now = pa.table(day(rng, task, rows, REFERENCE_DAYS + place, change)).drop_columns(["label"])
            blank = blank_reading(spec.name, "1", (1, rows * REFERENCE_DAYS), window, NOW, "estimate")
            readings = judge_estimates(judging, estimator(now, None), blank)
            found[change] += [reading for reading in readings if reading.check == f"{ESTIMATED}{judging.headline}"]
    return found
