"""A run: refresh dirty profiles, judge every window that is due, move the alerts on, a block of windows after the other.

What is due follows from the data alone (:mod:`service.local.due`). So a restart, a missed schedule, a run that was cut off and a
backfill are the same operation, and running it twice changes nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from monitors.causes import rank_causes
from monitors.judge import judge_columnar
from monitors.judge_door import door_readings
from monitors.lifecycle import advance, quiet_period
from monitors.own_sql import BY_SQL, resting_on_labels
from monitors.reading_blocks import Readings
from monitors.types import Alert, AlertEvent, Cause, Reading
from monitors.window_conditions import late_groups
from reference_data.profile import RESERVED, Profile, stack
from reference_data.windows import Window
from service.local import (
    alert_moves,
    care,
    estimates,
    labels,
    own_checks,
    rule_segments,
    segment_harm,
    segments,
    sequence,
    why,
)
from service.local.convert import reading_columns, row_to_alert
from service.local.due import (
    FROM_LOG,
    NO_LABELS,
    RESERVED_OUTCOMES,
    Stretch,
    Watermark,
    due_stretches,
    serving_stretches,
    window_rows,
)
from service.local.lead_in import blocks
from service.local.quality import with_quality
from service.local.refreshing import refresh, stamp
from service.local.row_checks import row_readings
from service.local.series import held_against, load_inputs, load_series
from storage.door_counts import door_counts
from storage.due import latest_profile
from storage.faults import fault_point
from storage.loss_steps import loss_steps
from storage.readings import append_readings

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core

FIRST_BLOCK, LONGEST_BLOCK = 8, 256  # windows
A_BLOCK = 2.0  # seconds that a block is to take
YIELD = 0.002  # seconds between two of them


@dataclass(slots=True)
class Course:
    """How far a run has come. ``stop`` is asked between two blocks of windows: whether the run is to end there."""

    stop: Callable[[], bool] = lambda: False
    told: Callable[[], None] = lambda: None  # called after every block
    began: float | None = None  # on the clock that is never put back; None: not yet
    judging: float | None = None  # when the first window was judged, on the same clock
    windows_total: int | None = None  # None until it is known
    windows_done: int = 0
    readings: int = 0
    rows: int = 0  # that the windows done hold
    opened: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    whole: bool = False  # everything that was due is judged
    retained: bool = False  # and what was to leave the log has


def run_model(
    core: Core, model: str, since: datetime | None = None, until: datetime | None = None, course: Course | None = None
) -> Course:
    """Judge what is due of one model, between two event times if given; returns how far it came.

    Works in blocks of windows, each committed by itself: readings, then alerts with the watermark. Whatever ends a run between two
    of them, the next run goes on from there. What was decided meanwhile (a deployment, a declaration) holds from the next block on.
    """
    course = course or Course()
    plan: Plan | None = None
    size = FIRST_BLOCK
    while not course.stop():
        with core.mutex:
            spec = core.spec(model)
            if plan is None or plan.decided != _decided(core, model):
                plan = _plan(core, spec, since, until, course)
                continue
            stretch = plan.take(size)
            if stretch is None:
                course.retained = care.retain(core, spec)
                looked(core, model, course)
                return course
            began = time.monotonic()
            course.judging = course.judging or began
            _block(core, spec, stretch, plan, course)
            size = next_size(size, time.monotonic() - began)
        course.told()
        fault_point("run.after_block")
        time.sleep(YIELD)  # who waits for the mutex is to get it: the lock itself is not fair
    return course


def looked(core: Core, model: str, course: Course) -> None:
    """Say that everything that is due of a model has been judged."""
    core.control.put_setting(f"last_run/{model}", core.now().isoformat())
    course.whole = True


def next_size(size: int, seconds: float) -> int:
    """Return how many windows the next block has: as many as take some seconds, for between two blocks a run can be ended."""
    if seconds > 2 * A_BLOCK:
        return max(1, size // 2)
    return min(2 * size, LONGEST_BLOCK) if seconds < A_BLOCK / 2 else size


@dataclass(slots=True)
class Plan:
    """The windows that are due, in order, as long as nothing is decided anew."""

    decided: object
    stretches: list[Stretch]
    rows: Mapping[Window, int]
    judged_at: datetime  # profiles are not newer than that

    def take(self, size: int) -> Stretch | None:
        """Return the next windows, at most so many of one version; None when all are taken."""
        if not self.stretches:
            return None
        first = self.stretches[0]
        taken, left = first.windows[:size], first.windows[size:]
        self.stretches[:1] = [replace(first, windows=left)] if left else []
        return replace(first, windows=taken)


def _decided(core: Core, model: str) -> object:
    """Return what a plan rests on, beside the data."""
    record = core.record(model)
    return (
        record.spec,
        record.anchor,
        len(core.control.deployment_events(model)),
        tuple(core.control.reference_versions(model)),
        tuple(core.versions(model)),
    )


def _plan(core: Core, spec: ModelSpec, since: datetime | None, until: datetime | None, course: Course) -> Plan:
    """Bring profiles up to the log, and find what is due."""
    decided = _decided(core, spec.name)
    labels.bring_up(core, spec)
    refreshed = refresh(core, spec)
    sequence.bring_up(core, spec, stamp(core, spec.name))
    fault_point("run.after_profiles")
    stretches = due_stretches(core, spec, refreshed, since, until)
    found = Plan(decided, stretches, window_rows(core, spec) if stretches else {}, _judged_at(core, spec.name))
    due = {(stretch.version, window) for stretch in stretches for window in stretch.windows}
    course.readings += own_checks.backfill(core, spec, lambda: serving_stretches(core, spec), due)
    course.windows_total = course.windows_done + len(due)
    return found


def _judged_at(core: Core, model: str) -> datetime:
    """Return the time of readings that are made now: no earlier than what they rest on, though the clock was put back."""
    with core.db.cursor() as cursor:
        profiled, steps = latest_profile(cursor, model), loss_steps(cursor, model)
    return max([core.now(), *([profiled] if profiled else []), *(step.computed_at for step in steps)])


def _block(core: Core, spec: ModelSpec, stretch: Stretch, plan: Plan, course: Course) -> None:
    """Judge some windows: their readings, then their alerts."""
    readings = judge_stretch(core, spec, stretch)
    columns = reading_columns(readings)
    if plan.judged_at > core.now():
        columns["computed_at"] = [plan.judged_at] * len(columns["computed_at"])
    append_readings(core.db, columns)
    fault_point("run.after_readings")
    for before, alert, event in move_alerts(core, spec, stretch, readings):
        if alert.state == "firing" and before in (None, "pending") and event.action not in ("inhibit", "silence"):
            course.opened.append(alert.id)
        elif event.state == "resolved":
            course.resolved.append(alert.id)
    course.windows_done += len(stretch.windows)
    course.readings += len(readings)
    course.rows += sum(plan.rows.get(window, 0) for window in stretch.windows)


def judge_stretch(core: Core, spec: ModelSpec, stretch: Stretch) -> Readings:
    """Read every check on every window of a stretch, for the columns that are still declared; changes nothing."""
    reference, version = stretch.reference, stretch.version
    readings = Readings()
    judged_inputs: list[Profile] = []
    fair = reference.source.startswith(FROM_LOG)
    for block in blocks(core, spec, reference, stretch.windows, fair=fair):
        inputs, own = load_inputs(core, reference, block.windows, version)
        outcomes = None
        if reference.outcomes is not None:
            outcomes = load_series(core, reference, "outcomes", block.windows, version=version).profile
        judged_inputs += [inputs[place] for place in block.judged]
        for baseline, places in held_against(core, spec, reference, block.windows):
            due = [at for at, place in enumerate(places) if place in set(block.judged)]
            if not due:
                continue
            readings += judge_columnar(
                spec=spec,
                reference=baseline.reference,
                calibration=baseline.calibration,
                windows=[block.windows[place] for place in places],
                inputs=inputs[places],
                outcomes=None if outcomes is None else outcomes[places],
                labels_expected=own.rows[places],
                model_version=version,
                importance=importance_of(core, spec.name, version),
                now=core.now(),
                judged=due,
            )
    with core.db.cursor() as cursor:
        counts = door_counts(cursor, spec.name, stretch.windows)
    readings += door_readings(reference, stretch.version, counts, core.now())
    readings += row_readings(core, spec, stretch)
    readings += segments.stretch_readings(core, spec, reference, stretch.version, stretch.windows)
    readings += sequence.stretch_readings(core, spec, reference, stretch.version, stretch.windows)
    readings = with_quality(core, spec, reference, stretch.version, stretch.windows, stack(judged_inputs), readings)
    readings += segment_harm.stretch_readings(core, spec, reference, stretch.version, stretch.windows)
    readings += estimates.stretch_readings(core, spec, stretch)
    readings = rule_segments.with_named(core, spec, stretch, readings)
    known = {None, *RESERVED, *spec.features, *spec.context}
    return readings.where(lambda reading: reading.column in known)


def importance_of(core: Core, model: str, version: str) -> dict[str, float] | None:
    """Return the share of the model's skill that rests on each feature, None when it was not measured."""
    record = core.versions(model).get(version)
    return dict(record["importance"]) if record and record.get("importance") else None


def move_alerts(
    core: Core, spec: ModelSpec, stretch: Stretch, readings: Sequence[Reading]
) -> list[tuple[str | None, Alert, AlertEvent]]:
    """Advance the model's alerts window by window, and commit events, messages and watermark together.

    Returns every change with the state the alert was in before it (None: there was none).

    A window that was judged before moves alerts again only where its labels have come since; corrected labels restate readings,
    not history.
    """
    mark = Watermark.read(core.control.watermark(spec.name))
    importance, late = importance_of(core, spec.name, stretch.version), resting_on_labels(spec)
    by_window: dict[Window, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_window[reading.window].append(reading)
    moved: list[tuple[str | None, Alert, AlertEvent]] = []
    for place, window in enumerate(stretch.windows):
        outcomes = [r for r in by_window[window] if r.scope == "performance" or r.column in RESERVED_OUTCOMES]
        news = mark.news(window, labelled=any(reading.verdict not in NO_LABELS for reading in outcomes))
        if news is None:
            continue
        only, mark = news
        told = by_window[window]
        if only is not None:  # own checks that need no labels were heard when the window was new
            told = [reading for reading in told if reading.scope not in BY_SQL or reading.check in late]
            only |= late_groups(spec)
        causes = stretch_causes(core, spec, stretch, place, by_window[window], importance)
        with core.alerting:  # nobody acknowledges in between
            since = window.start - quiet_period(window)
            alerts = {row["id"]: row_to_alert(row) for row in core.control.alerts_to_move(spec.name, since)}
            events = advance(
                list(alerts.values()),
                told,
                spec,
                core.now(),
                importance,
                lambda: uuid4().hex[:12],
                causes,
                only=only,
                every=by_window[window],
            )
            events = alert_moves.settled(core, alerts, events)
            alert_moves.keep(core, spec.name, events, mark.text())
        moved += [(alerts[alert.id].state if alert.id in alerts else None, alert, event) for alert, event in events]
    return moved


def stretch_causes(
    core: Core,
    spec: ModelSpec,
    stretch: Stretch,
    place: int,
    readings: Sequence[Reading],
    importance: dict[str, float] | None,
) -> tuple[Cause, ...]:
    """Return the likeliest causes of what one window shows, nothing when it shows nothing."""
    if all(reading.verdict in ("ok", "insufficient", "no_data") for reading in readings):
        return ()
    evidence = why.window_evidence(core, spec, stretch.windows[place], stretch.version, readings)
    beside = why.events(core, spec, stretch.windows[place])
    whole = [reading for reading in readings if reading.segment is None]
    window = [stretch.windows[place]]
    reference = stretch.reference
    inputs = load_series(core, reference, "inputs", window, version=stretch.version).profile[0]
    outcomes = (
        None
        if reference.outcomes is None
        else load_series(core, reference, "outcomes", window, version=stretch.version).profile[0]
    )
    ((baseline, _),) = held_against(core, spec, reference, window)
    return rank_causes(
        spec, baseline.reference, inputs, outcomes, whole, importance, len(readings), evidence=evidence, events=beside,
        segments=[reading for reading in readings if reading.segment is not None],
    )  # fmt: skip
