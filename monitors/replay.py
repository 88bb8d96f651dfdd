"""The replay: a reference played through its own monitor before that goes live, and what is to be expected of a year.

Each stretch of the reference is judged against the reference without it, by the same readings, conditions and lifecycle that live
windows meet. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from monitors.baseline import Baselines
from monitors.calibration import Calibration, windows_per_year
from monitors.evidence import SPEND, Levels, levels
from monitors.judge import judge
from monitors.lifecycle import advance
from monitors.replay_advice import advice
from monitors.sensitivity import ColumnSensitivity, sensitivity
from monitors.types import Alert, Reading
from reference_data.declaration import ModelSpec
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec

FOLDS = 6  # stretches that are left out in turn: long enough to show lasting changes, few enough to leave most of the reference
PRIOR_YEARS = 1.0  # that the budget's own arithmetic weighs against what the replay saw


@dataclass(frozen=True, slots=True)
class ReplayedAlert:
    """An alert that the reference would have raised by itself."""

    window: Window
    column: str | None
    severity: str
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """What a monitor would have done on its own reference, and what is to be expected of a year in which nothing is wrong."""

    windows: int
    rows_per_window: float
    alerts: list[ReplayedAlert]
    expected_pages: float
    expected_warnings: float
    sensitivity: list[ColumnSensitivity]
    advice: list[str]


def replay(
    spec: ModelSpec, reference: Reference, window_spec: WindowSpec, importance: Mapping[str, float] | None = None
) -> Replay:
    """Play ``reference`` through the monitor that ``spec`` declares.

    ``importance`` says what the model leans on: drift of other columns is a notice, and does not count. With a single window there
    is nothing to judge, and expectations follow from the budget alone.
    """
    kept, inputs, outcomes = reference.windows(window_spec)
    alerts = _alerts(spec, reference, window_spec, kept, inputs, outcomes, importance)
    baseline = Baselines(spec, reference, window_spec).groups(kept[:1])[0][0]
    budget, judged = spec.monitor.alert_budget, int((inputs.rows >= spec.monitor.min_rows).sum())
    years = judged / windows_per_year(window_spec)
    pages = sum(alert.severity == "page" for alert in alerts)
    found = sensitivity(
        baseline.calibration.inputs, _column_levels(spec, reference, baseline.calibration), spec.monitor.tolerance
    )
    labelled = outcomes is not None and spec.task != "none"
    return Replay(
        windows=len(kept) if len(kept) > 1 else 0,
        rows_per_window=float(np.median(inputs.rows)) if len(kept) else 0.0,
        alerts=alerts,
        expected_pages=_expected(budget.pages_per_year if labelled and judged else 0.0, pages, years),
        expected_warnings=_expected(budget.warnings_per_year if judged else 0.0, len(alerts) - pages, years),
        sensitivity=found,
        advice=advice(spec, reference, window_spec, baseline.calibration, inputs, found, alerts),
    )


def summary(spec: ModelSpec, found: Replay) -> str:
    """Say in one sentence what to expect: false warnings in a year, and the smallest shift that is found soon."""
    words = f"In a year without change expect {found.expected_warnings:.1f} false warnings"
    numeric = [own for own in found.sensitivity if own.unit == "standard deviations"] or found.sensitivity
    if not numeric:
        return f"{words}."
    own = sorted(numeric, key=lambda column: column.shifts[-1])[len(numeric) // 2]
    place = next((i for i, shift in enumerate(own.shifts) if shift <= SOON), len(own.shifts) - 1)
    shift = (
        f"{own.shifts[place]:.2g} sd" if own.unit == "standard deviations" else f"{100 * own.shifts[place]:.2g} points"
    )
    return f"{words}; a shift of {shift} in {own.column} is found within {spell(own.windows[place], spec)}."


SOON = 0.2  # standard deviations: the shift that a summary speaks of, if it is found at all


def spell(windows: int, spec: ModelSpec) -> str:
    """Return a number of windows in words, by their length: "2 days", "1 week", "3 windows of 6 hours"."""
    length = spec.monitor.window
    word = {"1d": "day", "1w": "week", "1h": "hour"}.get(length)
    return WindowSpec.parse(length).many(windows) if word is None else f"{windows} {word}{'s' if windows != 1 else ''}"


def _expected(budget: float, seen: int, years: float) -> float:
    """Return false alerts a year: what is spent of the budget, or more if the replay of ``years`` saw more.

    A gamma prior of SPEND times the budget, worth PRIOR_YEARS, updated by the Poisson count of the replay.
    """
    spent = SPEND * budget
    return max(spent, (spent * PRIOR_YEARS + seen) / (PRIOR_YEARS + years))


def _column_levels(spec: ModelSpec, reference: Reference, calibration: Calibration) -> NDArray[np.float64]:
    names = reference.inputs.layout.names
    context = spec.context.keys() & set(names)
    budget = spec.monitor.alert_budget
    split: Levels = levels(
        windows_per_year(calibration.window_spec),
        len(names) - len(context),
        len(context),
        budget.pages_per_year,
        budget.warnings_per_year,
    )
    return np.asarray([split.column(context=name in context) for name in calibration.inputs.scores.names])


def _alerts(
    spec: ModelSpec,
    reference: Reference,
    window_spec: WindowSpec,
    kept: Sequence[Window],
    inputs: Profile,
    outcomes: Profile | None,
    importance: Mapping[str, float] | None,
) -> list[ReplayedAlert]:
    """Return the alerts of warning or above, in the order of their windows."""
    by_window: dict[Window, list[Reading]] = defaultdict(list)
    if len(kept) > 1:
        for places in np.array_split(np.arange(len(kept)), min(FOLDS, len(kept))):
            windows = [kept[place] for place in places]
            late = None if outcomes is None else outcomes[places]
            rest = _without(reference, windows)
            for reading in _judged(spec, rest, window_spec, windows, inputs[places], late, importance):
                by_window[reading.window].append(reading)
    numbers, held, loud = count(), dict[str, Alert](), dict[str, ReplayedAlert]()
    for window in kept:
        known = list(held.values())
        for alert, _ in advance(known, by_window[window], spec, window.end, importance, lambda: str(next(numbers))):
            held[alert.id] = alert
            if alert.severity != "notice" and alert.state != "pending":
                loud.setdefault(alert.id, ReplayedAlert(window, alert.column, alert.severity, alert.message))
    return list(loud.values())


def _without(reference: Reference, windows: Sequence[Window]) -> Reference:
    """Return the reference without the buckets of a stretch of windows."""
    start, end = windows[0].start, windows[-1].end
    rows = np.asarray([i for i, bucket in enumerate(reference.buckets) if not start <= bucket < end], dtype=np.intp)
    return replace(
        reference,
        buckets=tuple(reference.buckets[row] for row in rows),
        inputs=reference.inputs[rows],
        outcomes=None if reference.outcomes is None else reference.outcomes[rows],
    )


def _judged(
    spec: ModelSpec,
    rest: Reference,
    window_spec: WindowSpec,
    windows: Sequence[Window],
    inputs: Profile,
    outcomes: Profile | None,
    importance: Mapping[str, float] | None,
) -> list[Reading]:
    found: list[Reading] = []
    for baseline, places in Baselines(spec, rest, window_spec).groups(windows):
        found += judge(
            spec=spec,
            reference=baseline.reference,
            calibration=baseline.calibration,
            windows=[windows[place] for place in places],
            inputs=inputs[np.asarray(places)],
            outcomes=None if outcomes is None else outcomes[np.asarray(places)],
            labels_expected=None,
            model_version="",
            importance=importance,
            now=windows[-1].end,
        )
    return found
