"""The sequential test on the loss: counts new labels in steps, reads the test after each, and tells of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from monitors import explain
from monitors.blank import blank_of
from monitors.calibration import windows_per_year
from monitors.evidence import levels
from monitors.registry import positive_class
from monitors.sequence.baseline import LossBaseline, loss_baseline, loss_of, loss_sums
from monitors.sequence.change_point import find_change
from monitors.sequence.detector import Found, SequentialTest, Step
from monitors.sequence.readings import Change, Terms, sentence, step_reading
from reference_data.declaration import ModelSpec
from reference_data.section import parse_duration
from service.local.convert import iso, number
from service.local.series import load_series
from storage.derived import compile_value
from storage.faults import fault_point
from storage.loss_steps import LossSource, LossStep, append_steps, loss_steps
from storage.model_tables import expressions
from storage.traffic import bucket_rows

if TYPE_CHECKING:
    from monitors.types import Reading
    from reference_data.reference import Reference
    from reference_data.schema import Task
    from reference_data.windows import Window, WindowSpec
    from service import outcome_views
    from service.local.core import Core

FROM_LOG = ("log", "training")  # sources of references that are part of the log itself
MOST_BUCKETS = 800  # in which a change point is looked for


def step_spec(window_spec: WindowSpec) -> WindowSpec:
    """Return how long steps are: a day, or the window where it is counted in hours."""
    return window_spec if window_spec.unit == "h" else window_spec.bucket


def bring_up(core: Core, spec: ModelSpec, now: datetime) -> None:
    """Count the labels that are new, in steps that are dated ``now``: windows whose readings are older are due."""
    sources = loss_sources(core, spec)
    if not sources:
        return
    every = step_spec(core.window_spec(spec.name))
    over = every.containing(core.now() - parse_duration(spec.monitor.grace)).start
    if append_steps(core.db, spec.name, sources, every, over, now):
        fault_point("run.after_steps")


def stretch_readings(
    core: Core, spec: ModelSpec, reference: Reference, version: str, windows: Sequence[Window]
) -> list[Reading]:
    """Return the test's reading of each window in which a step of this version ended: of the last one in alarm, else of the last."""
    terms = _terms(core, spec, reference)
    if terms is None or not windows:
        return []
    with core.db.cursor() as cursor:
        steps = loss_steps(cursor, spec.name, version, reference.version)
    plain = _plain(steps)
    results = _progress(terms, _quiet(core, spec), version).results(plain)
    starts, blank, readings = [window.start for window in windows], blank_of(reference, version, core.now()), []
    inside: dict[int, list[int]] = {}
    for place, step in enumerate(steps):
        at = bisect_right(starts, step.window.start) - 1
        if at >= 0 and step.window.end <= windows[at].end:
            inside.setdefault(at, []).append(place)
    for at, places in inside.items():
        place = next((place for place in reversed(places) if results[place].alarm), places[-1])
        change = _change(core, spec, reference, steps, results, place)
        rows = sum(steps[place].n for place in places)
        whole = Step(rows, sum(steps[place].loss for place in places) / rows)
        readings.append(step_reading(blank, windows[at], whole, results[place], change, terms))
    return readings


def concept(core: Core, model: str) -> outcome_views.ConceptView | None:
    """Return what the test says of the champion, or of the version that labels came for last; None without labels to test."""
    spec = core.spec(model)
    version, reference = watched(core, spec)
    terms = None if reference is None else _terms(core, spec, reference)
    if reference is None or terms is None:
        return None
    with core.db.cursor() as cursor:
        steps = loss_steps(cursor, model, version, reference.version)
    plain = _plain(steps)
    results = _progress(terms, _quiet(core, spec), version).results(plain)
    last = results[-1] if results else None
    change = _change(core, spec, reference, steps, results, len(steps) - 1) if last else None
    first = last.first if last is not None and last.alarm else None
    mean = change.mean if change is not None else (last.mean if last is not None else float("nan"))
    zone, baseline = spec.zone, terms.baseline
    return {
        "model": model,
        "model_version": version,
        "loss": baseline.loss,
        "unit": baseline.unit,
        "reference": number(baseline.mean),
        "threshold": terms.threshold,
        "average_run_length": terms.threshold,
        "steps": [
            {
                "start": iso(step.window.start, zone),
                "end": iso(step.window.end, zone),
                "event_start": iso(step.events.start, zone),
                "event_end": iso(step.events.end, zone),
                "n": step.n,
                "loss": number(step.loss / step.n),
                "evidence": found.evidence,
                "alarm": found.alarm,
            }
            for step, found in zip(steps, results, strict=True)
        ],
        "alarmed_at": None if first is None else iso(steps[first].window.end, zone),
        "onset": None if change is None else iso(change.onset, zone),
        "onset_lower": None if change is None else iso(change.lower, zone),
        "onset_upper": None if change is None else iso(change.upper, zone),
        "shape": None if change is None else change.shape,
        "size": None if first is None else number(mean - baseline.mean),
        "sentence": sentence(plain[-1], last, change, terms) if last is not None else _no_steps(terms),
    }


def watched(core: Core, spec: ModelSpec) -> tuple[str, Reference | None]:
    """Return the champion, or the version that labels came for last (without any: that began last), with its reference."""
    version = core.roles(spec.name).champion
    if version is None:
        with core.db.cursor() as cursor:
            steps = loss_steps(cursor, spec.name)
        version = steps[-1].model_version if steps else next(reversed([*loss_sources(core, spec)]), "")
    return version, core.reference_for(spec.name, version)


def _no_steps(terms: Terms) -> str:
    usual = explain.number(terms.baseline.mean, terms.baseline.unit)
    return (
        f"No labels have been counted yet: the test begins with the first {'hours' if terms.hourly else 'day'} of labels that {'are' if terms.hourly else 'is'} over. "
        f"In the reference the mean {terms.baseline.loss} is {usual}."
    )


# -- what is read ------------------------------------------------------------------------------------------------------
def loss_sources(core: Core, spec: ModelSpec) -> Mapping[str, LossSource]:
    """Return how the loss of each version that served is made."""
    active = core.active_reference(spec.name)
    if active is None:
        return {}
    with core.db.cursor() as cursor:
        rows = bucket_rows(cursor, spec.name, active.version, "inputs")
    found: dict[str, LossSource] = {}
    for version in dict.fromkeys(row.model_version for row in rows if row.role == "serving"):
        reference = core.reference_for(spec.name, version)
        loss = None if reference is None else loss_of(reference, spec.task)
        if reference is None or loss is None or reference.outcomes is None:
            continue
        layout = reference.outcomes.layout
        entry = layout.entry("correct" if loss == "error" else loss)
        value = compile_value(entry, expressions(spec) | {"label": "_label"}, positive=positive_class(spec, layout))
        sql = f"CASE {value} WHEN 'true' THEN 0e0 WHEN 'false' THEN 1e0 END" if loss == "error" else f"({value})"
        since = reference.period.end if reference.source.startswith(FROM_LOG) else None
        found[version] = LossSource(reference.version, sql, since)
    return found


def _terms(core: Core, spec: ModelSpec, reference: Reference) -> Terms | None:
    every = step_spec(core.window_spec(spec.name))
    baseline = _baseline(reference, spec.task, every)
    if baseline is None:
        return None
    monitor = spec.monitor
    level = levels(windows_per_year(every), 1, 1, monitor.alert_budget.pages_per_year, 1.0).page_sequence
    return Terms(baseline, level, monitor.performance_tolerance, monitor.min_rows, spec.zone, every.unit == "h")


@lru_cache(maxsize=64)
def _baseline(reference: Reference, task: Task, window_spec: WindowSpec) -> LossBaseline | None:
    """Follows from the reference, so it is measured once."""
    return loss_baseline(reference, task, window_spec)


def _quiet(core: Core, spec: ModelSpec) -> int:
    """Return over how many steps the loss has to be back: a window of them, two at least."""
    window_spec = core.window_spec(spec.name)
    return max(round(_length(window_spec) / _length(step_spec(window_spec))), 2)


def _plain(steps: Sequence[LossStep]) -> tuple[Step, ...]:
    return tuple(Step(step.n, step.loss / step.n) for step in steps)


@lru_cache(maxsize=64)
def _progress(terms: Terms, quiet: int, version: str) -> Progress:
    """Follows from the steps, so it goes on where it was: each step is taken once a process."""
    del version  # each has a test of its own
    return Progress(terms, quiet)


class Progress:
    """A test and the steps it has taken."""

    def __init__(self, terms: Terms, quiet: int) -> None:
        self._terms, self._quiet, self._lock = terms, quiet, Lock()
        self._start()

    def _start(self) -> None:
        terms = self._terms
        self._test = SequentialTest(terms.baseline, terms.level, terms.tolerance, least=terms.least, quiet=self._quiet)
        self._steps: list[Step] = []
        self._found: list[Found] = []

    def results(self, steps: Sequence[Step]) -> list[Found]:
        """Return one result a step; begins from the start where the steps are not those that were taken before, and more."""
        with self._lock:
            if list(steps[: len(self._steps)]) != self._steps:
                self._start()
            for step in steps[len(self._steps) :]:
                self._found.append(self._test.add(step))
                self._steps.append(step)
            return list(self._found)


def _change(
    core: Core, spec: ModelSpec, reference: Reference, steps: Sequence[LossStep], results: Sequence[Found], place: int
) -> Change | None:
    """Date the change that is in alarm at the end of a step, by the event times of what is labelled by now; None outside of an alarm."""
    found = results[place]
    if not found.alarm:
        return None
    since = min(step.events.start for step in steps[found.began : place + 1])
    until = steps[place].window.end
    every = step_spec(core.window_spec(spec.name))
    since = max(since, until - MOST_BUCKETS * _length(every))
    buckets = [window for window in every.between(since, until) if window.end <= until]
    usual = _baseline(reference, spec.task, every)
    if usual is None or not buckets:
        return None
    profile = load_series(core, reference, "outcomes", buckets, version=steps[place].model_version).profile
    n, loss, _ = loss_sums(profile, usual.loss)
    change = find_change(usual, n, loss)
    if change is None:
        return None
    during = slice(change.onset, change.over)
    held = n[during] > 0
    mean = float(np.average(loss[during][held], weights=n[during][held])) if held.any() else float("nan")
    over = None if change.over is None else buckets[change.over].start
    return Change(
        buckets[change.onset].start, buckets[change.lower].start, buckets[change.upper].end, change.shape, over, mean
    )


def _length(every: WindowSpec) -> timedelta:
    return every.length * {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[every.unit]
