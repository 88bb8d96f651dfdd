"""The stored profiles are brought up to the log: of every bucket that is new or has changed, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitors.registry import positive_class
from reference_data.profile import RESERVED
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec
from service.local import segment_profiles
from service.local.due import fair, serving_stretches
from storage import profile_store
from storage.append_common import touched_buckets
from storage.due import due_buckets, snapshot, touched_references
from storage.logs import joined_relation, log_relation
from storage.profile_store import missing_buckets
from storage.readings import latest_judgement
from storage.row_source import in_buckets, with_label
from storage.traffic import event_span, logged_slots

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core

MOMENT = timedelta(microseconds=1)
MANY_BUCKETS = 2000  # that were never read: then those without rows are not read either

Wanted = tuple[Reference, profile_store.Part, list[datetime]]  # the buckets that are to be there of a reference's part


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
        buckets = [window.start for window in every.between(span[0], span[1] + MOMENT)]
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
        now = stamp(core, spec.name)
        core.db.write(
            lambda con: [profile_store.save(con, part, now, clear=all_references) for part in measured], about=spec.name
        )
    whole = [m for m in measured if m.part != "segments"]
    return {(m.reference_version, m.part): {window.start for window in m.buckets} for m in whole}


def stamp(core: Core, model: str) -> datetime:
    """Return the time of what is counted now, after that of every reading: windows with older ones are due, though the clock was put back."""
    with core.db.cursor() as cursor:
        judged = latest_judgement(cursor, model)
    return core.now() if judged is None else max(core.now(), judged + MOMENT)


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
