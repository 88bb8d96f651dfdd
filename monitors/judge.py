"""Verdicts: every check of every column and every metric, for all windows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from monitors.blank import blank_reading
from monitors.calibration import Calibration, windows_per_year
from monitors.checks._cells import Values, ratio
from monitors.drift import find_drift
from monitors.evidence import levels
from monitors.judge_columns import Moved, Part, judge_columns
from monitors.judge_performance import judge_performance
from monitors.judge_run import LEAST_COVERAGE, Run
from monitors.judge_traffic import traffic_readings
from monitors.reading_blocks import Readings
from monitors.registry import concept_column
from monitors.types import Reading
from monitors.unvaried import with_unvaried
from reference_data.declaration import ModelSpec
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.windows import Window


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
    judged: Sequence[int] | NDArray[np.int64] | None = None,
) -> list[Reading]:
    """Return what :func:`judge_columnar` does, each reading made."""
    return list(
        judge_columnar(
            spec,
            reference,
            calibration,
            windows,
            inputs,
            outcomes,
            labels_expected,
            model_version,
            importance,
            now,
            judged,
        )
    )


def judge_columnar(
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
    judged: Sequence[int] | NDArray[np.int64] | None = None,
) -> Readings:
    """Return the readings of the judged windows, in the order of columns, then checks, then windows.

    ``windows`` are consecutive; ``inputs`` and ``outcomes`` have a leading axis (windows,). ``judged``: the places of the windows that get
    readings, all by default; the others only count where several of the latest windows are taken together, so that small lasting
    changes show. ``labels_expected`` is the number of rows a window that should
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
    places = np.arange(len(windows)) if judged is None else np.asarray(judged, dtype=np.int64)
    coverage = ratio(np.zeros(len(windows)) if outcomes is None else outcomes.rows, expected)
    run = _run(spec, reference, calibration, windows, places, coverage[places], model_version, importance, now)
    found = traffic_readings(run, inputs.rows[places], labelled=labelled)
    never = np.zeros(len(places), dtype=bool)
    names = reference.inputs.layout.names
    level = np.asarray([run.column_level(name, late=False) for name in names])
    least, tolerance = spec.monitor.min_rows, spec.monitor.tolerance
    drift = find_drift(calibration.inputs, windows, inputs, level, tolerance, least)
    drift = with_unvaried(drift, reference.inputs, inputs, least, tolerance)
    judging = inputs if len(places) == len(windows) else inputs[places]
    part = Part(reference.inputs.total(), inputs, judging, drift, Moved.of(drift, places))
    found += judge_columns(run, part, dict.fromkeys(names, never))
    found = _against(calibration.held, found)
    if outcomes is None or reference.outcomes is None or calibration.outcomes is None:
        return found
    with np.errstate(invalid="ignore"):
        usable = coverage >= LEAST_COVERAGE
    performance, harmful = judge_performance(run, windows, outcomes, usable)
    drift = find_drift(calibration.outcomes, windows, outcomes, run.levels.page, tolerance, least, usable)
    judging = outcomes if len(places) == len(windows) else outcomes[places]
    part = Part(reference.outcomes.total(), outcomes, judging, drift, Moved.of(drift, places), late=True)
    concept = concept_column(part.total.layout)
    harms = {name: never for name in ("label",) if name in part.total.layout.names}
    harms |= {} if concept is None else {concept: harmful}
    late = judge_columns(run, part, harms)
    late += performance
    found += _against(calibration.held_late, late)
    return found


def _against(held: str, readings: Readings) -> Readings:
    """Say what windows were held against, where that is not simply the reference."""
    if not held:
        return readings
    return Readings([[replace(r, sentence=f"{r.sentence} Held against {held}.") for r in readings]])


def _run(
    spec: ModelSpec,
    reference: Reference,
    calibration: Calibration,
    windows: Sequence[Window],
    judged: NDArray[np.int64],
    coverage: Values,
    model_version: str,
    importance: Mapping[str, float] | None,
    now: datetime,
) -> Run:
    budget = spec.monitor.alert_budget
    names = reference.inputs.layout.names
    context = spec.context.keys() & set(names)
    own = reference.version, reference.rows
    blank = blank_reading(spec.name, model_version, own, reference.period, now)
    total = sum(importance.values()) if importance else 0.0
    return Run(
        spec=spec,
        reference=reference,
        calibration=calibration,
        levels=levels(
            windows_per_year(calibration.window_spec),
            len(names) - len(context),
            len(context),
            budget.pages_per_year,
            budget.warnings_per_year,
        ),
        windows=[windows[place] for place in judged.tolist()],
        judged=judged,
        coverage=coverage,
        blank=blank,
        importance={} if total <= 0 or importance is None else {k: v / total for k, v in importance.items()},
    )
