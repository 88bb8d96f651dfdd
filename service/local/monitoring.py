"""A run: refresh dirty profiles, judge every window that is due, move the alerts on.

What is due follows from the data alone: a closed window without readings for its version and reference, or one whose profiles
are newer than its readings. So a restart, a missed schedule and a backfill are the same operation, and running it twice
changes nothing.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from monitors.causes import rank_causes
from monitors.judge import judge
from monitors.judge_door import door_readings
from monitors.lifecycle import advance, quiet_period
from monitors.own_sql import BY_SQL, resting_on_labels
from monitors.registry import positive_class
from monitors.types import Alert, AlertEvent, Cause, Reading
from reference_data.profile import RESERVED, Profile, stack
from reference_data.reference import Reference
from reference_data.section import parse_duration
from reference_data.windows import Window, WindowSpec
from service.local import (
    care,
    estimates,
    labels,
    outbox,
    own_checks,
    segment_harm,
    segment_profiles,
    segments,
    sequence,
    why,
)
from service.local.convert import MIN_TIME, alert_to_row, event_to_row, reading_columns, row_to_alert
from service.local.lead_in import blocks
from service.local.quality import with_quality
from service.local.row_checks import row_readings
from service.local.series import held_against, load_inputs, load_series
from storage import profile_store
from storage.append_common import touched_buckets
from storage.door_counts import door_counts
from storage.due import due_buckets, profiled_at, snapshot, touched_references
from storage.faults import fault_point
from storage.logs import joined_relation, log_relation
from storage.profile_store import missing_buckets
from storage.readings import append_readings, judged_windows
from storage.row_source import in_buckets, with_label
from storage.traffic import bucket_rows, event_span, logged_slots

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service import views
    from service.local.core import Core

SERVING = "serving"
FROM_LOG = ("log", "training")  # sources of references that are part of the log itself
NO_LABELS = ("insufficient", "no_data")  # verdicts of outcomes that could not be judged
MANY_BUCKETS = 2000  # that were never read: then those without rows are not read either
LONGEST_GAP = 500  # windows without rows, one after the other, that are judged: a row of 1970 must not make thousands
RESERVED_OUTCOMES = frozenset(RESERVED) - {"prediction", "score"}


Wanted = tuple[Reference, profile_store.Part, list[datetime]]  # the buckets that are to be there of a reference's part


@dataclass(frozen=True, slots=True)
class Stretch:
    """Windows in a row that one version served and one reference judges."""

    version: str
    reference: Reference
    windows: list[Window]


def run_model(core: Core, model: str, since: datetime | None = None, until: datetime | None = None) -> views.RunView:
    """Judge what is due of one model, between two event times if given."""
    started = time.monotonic()
    with core.mutex:
        spec = core.spec(model)
        labels.bring_up(core, spec)
        refreshed = refresh(core, spec) | sequence.bring_up(core, spec)
        opened: list[str] = []
        resolved: list[str] = []
        n_windows = n_readings = 0
        done: set[tuple[str, Window]] = set()
        for stretch in _due(core, spec, refreshed, since, until):
            readings = judge_stretch(core, spec, stretch)
            append_readings(core.db, reading_columns(readings))
            fault_point("run.after_readings")
            for before, alert, event in move_alerts(core, spec, stretch, readings):
                if event.state == "firing" and before in (None, "pending"):
                    opened.append(alert.id)
                elif event.state == "resolved":
                    resolved.append(alert.id)
            done.update((stretch.version, window) for window in stretch.windows)
            n_windows += len(stretch.windows)
            n_readings += len(readings)
        late = own_checks.backfill(core, spec, lambda: serving_stretches(core, spec), done)
        append_readings(core.db, reading_columns(late))
        n_readings += len(late)
        care.retain(core, spec)
        core.control.put_setting(f"last_run/{model}", core.now().isoformat())
    return {
        "model": model,
        "windows": n_windows,
        "readings": n_readings,
        "alerts_opened": opened,
        "alerts_resolved": resolved,
        "seconds": time.monotonic() - started,
    }


def references_in_use(core: Core, model: str) -> list[Reference]:
    """Return the champion's reference (or the newest) first, then those of shadows and canary."""
    roles = core.roles(model)
    versions = [roles.champion, *roles.shadows, *([roles.canary] if roles.canary else [])]
    found: dict[int, Reference] = {}
    for version in versions:
        reference = core.reference_for(model, version)
        if reference is not None:
            found.setdefault(reference.version, reference)
    return list(found.values())


def refresh(core: Core, spec: ModelSpec) -> dict[tuple[int, str], set[datetime]]:
    """Bring the stored profiles up to the log; returns the buckets read, by reference and part.

    First every reference in use, and whatever is stored of the others for buckets that changed: together, because that clears the
    dirty marks. Then the windows that another version served, under that version's own reference.
    """
    references = references_in_use(core, spec.name)
    if not references:
        return {}
    for used in references:
        segment_profiles.bring_up(core, spec, used)
    every = core.window_spec(spec.name).bucket
    with core.db.cursor() as cursor:
        span = event_span(cursor, spec.name, core.now())
        if span is None:
            return {}
        touched = touched_references(cursor, spec.name) - {reference.version for reference in references}
        buckets = [window.start for window in every.between(span[0], span[1] + timedelta(microseconds=1))]
        champion, *others = references
        unread = missing_buckets(cursor, spec.name, champion.version, "inputs", buckets)
        if len(unread) > MANY_BUCKETS:
            held = touched_buckets(logged_slots(cursor, spec.name, span), every)
            buckets = sorted(held.union(buckets).difference(set(unread) - held))
    wanted: list[Wanted] = [(champion, "inputs", buckets), (champion, "outcomes", buckets)]
    for other in others:
        wanted += [(other, "inputs", []), (other, "outcomes", buckets)]
    for number in sorted(touched):
        kept = core.control.reference(spec.name, number)
        wanted += [(kept, "inputs", []), (kept, "outcomes", [])]
    read = _profile(core, spec, wanted, all_references=True)
    for version, windows in serving_stretches(core, spec):
        reference = core.reference_for(spec.name, version)
        if reference is not None and reference.version != champion.version:
            own = fair(reference, windows)
            starts = [bucket.start for window in own for bucket in every.between(window.start, window.end)]
            starts = [start for start in starts if start <= span[1]]
            lent: list[Wanted] = [(reference, "inputs", starts), (reference, "outcomes", starts)]
            for key, more in _profile(core, spec, lent, all_references=False).items():
                read.setdefault(key, set()).update(more)
    return read


def _profile(
    core: Core, spec: ModelSpec, wanted: Sequence[Wanted], *, all_references: bool
) -> dict[tuple[int, str], set[datetime]]:
    """Profile the buckets that are due, and store all of them in one transaction; returns which, by reference and part.

    All are read of one moment: a dirty mark is cleared for every reference or, unless they are ``all_references``, for none.
    """
    every = core.window_spec(spec.name).bucket
    measured: list[profile_store.Measured] = []
    with snapshot(core.db) as cursor:
        for reference, part, buckets in wanted:
            if part == "outcomes" and reference.outcomes is None:
                continue
            found = due_buckets(cursor, spec.name, reference.version, part, buckets)
            if found:
                positive = None if reference.outcomes is None else positive_class(spec, reference.outcomes.layout)
                within = Window(found[0], every.containing(found[-1]).end)
                rows, expressions = _rows_of(cursor, spec, part, within, every)
                expressions = _dropped(reference) | dict(expressions)
                measured.append(
                    profile_store.measure(cursor, spec, reference, rows, expressions, found, part, positive)
                )
            if part == "inputs":
                measured += segment_profiles.measured(core, cursor, spec, reference, found, _dropped(reference))
    if measured:
        now = core.now()
        core.db.write(lambda con: [profile_store.save(con, part, now, clear=all_references) for part in measured])
    whole = [m for m in measured if m.part != "segments"]
    return {(m.reference_version, m.part): {window.start for window in m.buckets} for m in whole}


def _dropped(reference: Reference) -> dict[str, str]:
    """Return NULL for each input of a reference, to stand in for those that are no longer declared."""
    types = {"numeric": "DOUBLE", "boolean": "BOOLEAN", "datetime": "TIMESTAMP"}
    columns = [entry.column for entry in reference.inputs.layout.columns if entry.column.name not in RESERVED]
    return {column.name: f"NULL::{types.get(column.type, 'VARCHAR')}" for column in columns}


def _rows_of(
    cursor: Any, spec: ModelSpec, part: profile_store.Part, within: Window, every: WindowSpec
) -> tuple[str, Mapping[str, str]]:
    """Return what a part of the profiles is read from: the log, or its labelled rows of a stretch."""
    if part == "inputs":
        return log_relation(spec, within, cursor)
    joined, expressions = joined_relation(spec, within, cursor)
    return with_label(joined, in_buckets(expressions, list(every.between(within.start, within.end)))), expressions


def _due(
    core: Core,
    spec: ModelSpec,
    refreshed: dict[tuple[int, str], set[datetime]],
    since: datetime | None,
    until: datetime | None,
) -> list[Stretch]:
    """Return the stretches of due windows in order of time."""
    stretches: list[Stretch] = []
    for version, windows in serving_stretches(core, spec, since, until):
        reference = core.reference_for(spec.name, version)
        if reference is None:
            continue
        due = _due_windows(core, spec, version, reference, fair(reference, windows), refreshed)
        if due:
            stretches.append(Stretch(version, reference, due))
    return stretches


def fair(reference: Reference, windows: Sequence[Window]) -> list[Window]:
    """Leave out the windows of the reference itself, which are not held against it."""
    own = reference.source.startswith(FROM_LOG)
    return [window for window in windows if not own or window.start >= reference.period.end]


def serving_stretches(
    core: Core, spec: ModelSpec, since: datetime | None = None, until: datetime | None = None
) -> list[tuple[str, list[Window]]]:
    """Return the closed windows, grouped by the version that answered most of each (an empty window goes to the one before)."""
    active = core.active_reference(spec.name)
    if active is None:
        return []
    with core.db.cursor() as cursor:
        rows = [row for row in bucket_rows(cursor, spec.name, active.version, "inputs") if row.role == SERVING]
    if not rows:
        return []
    window_spec = core.window_spec(spec.name)
    served: dict[Window, Counter[str]] = defaultdict(Counter)
    for row in rows:
        served[window_spec.containing(row.start)][row.model_version] += row.rows
    closed = core.now() - parse_duration(spec.monitor.grace)
    stretches: list[tuple[str, list[Window]]] = []
    version = rows[0].model_version
    for window in _with_gaps(window_spec, sorted(served), min(closed, until or closed)):
        if window.end > closed:
            break
        if served[window]:
            version = served[window].most_common(1)[0][0]
        if since is not None and window.start < since:
            continue
        if not stretches or stretches[-1][0] != version:
            stretches.append((version, []))
        stretches[-1][1].append(window)
    return stretches


def _with_gaps(window_spec: WindowSpec, served: Sequence[Window], until: datetime) -> Iterator[Window]:
    """Yield the windows that have rows and those between; of a long stretch without rows only its first ones."""
    for place, window in enumerate(served):
        if window.start >= until:
            return
        yield window
        following = served[place + 1].start if place + 1 < len(served) else until
        yield from islice(window_spec.between(window.end, min(following, until)), LONGEST_GAP)


def _due_windows(
    core: Core,
    spec: ModelSpec,
    version: str,
    reference: Reference,
    windows: list[Window],
    refreshed: dict[tuple[int, str], set[datetime]],
) -> list[Window]:
    with core.db.cursor() as cursor:
        judged = judged_windows(
            cursor, spec.name, version, reference.version, outcomes=RESERVED_OUTCOMES, without=NO_LABELS
        )
        ages = [profiled_at(cursor, spec.name, reference.version, part) for part in ("inputs", "outcomes")]
    mark = Watermark.read(core.control.watermark(spec.name))
    fresh = {bucket for (number, _), buckets in refreshed.items() if number == reference.version for bucket in buckets}
    every = core.window_spec(spec.name).bucket
    due: list[Window] = []
    for window in windows:
        buckets = [bucket.start for bucket in every.between(window.start, window.end)]
        last = judged.get(window.start)
        newest = [age[bucket] for age in ages for bucket in buckets if bucket in age]
        if (
            last is None
            or any(bucket in fresh for bucket in buckets)
            or any(moment > last.at for moment in newest)
            or mark.news(window, labelled=last.labelled) is not None  # cut off between readings and alerts
        ):
            due.append(window)
    return due


def judge_stretch(core: Core, spec: ModelSpec, stretch: Stretch) -> list[Reading]:
    """Read every check on every window of a stretch, for the columns that are still declared; changes nothing."""
    reference, version = stretch.reference, stretch.version
    readings: list[Reading] = []
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
            readings += judge(
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
    known = {None, *RESERVED, *spec.features, *spec.context}
    return [reading for reading in readings if reading.column in known]


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
            )
            core.control.commit_judgement(
                spec.name,
                events=[(alert_to_row(alert), event_to_row(event)) for alert, event in events],
                watermark=mark.text(),
                outbox=outbox.messages(core, events),
            )
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


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to which window's start alerts have been moved: by anything, and by what needs labels."""

    window: datetime = MIN_TIME
    labelled: datetime = MIN_TIME

    @classmethod
    def read(cls, text: str | None) -> Watermark:
        """Rebuild from :meth:`text`."""
        if text is None:
            return cls()
        window, labelled = (datetime.fromisoformat(part) for part in text.split(" "))
        return cls(window, labelled)

    def text(self) -> str:
        """Return the watermark as it is stored."""
        return f"{self.window.isoformat()} {self.labelled.isoformat()}"

    def news(self, window: Window, *, labelled: bool) -> tuple[frozenset[str] | None, Watermark] | None:
        """Return which groups of alerts have not heard of ``window`` (None: all of them) and the watermark after it, or None.

        ``labelled``: whether its readings have labels to go by.
        """
        heard = window.start if labelled and window.start > self.labelled else self.labelled
        if window.start > self.window:
            return None, Watermark(window.start, heard)
        if heard > self.labelled:
            return frozenset({"outcome", "business"}), Watermark(self.window, heard)
        return None
