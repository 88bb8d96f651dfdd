"""Segments as they are answered: their names, what drifted inside of them, and the readings inside of one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from monitors.blank import blank_of
from monitors.judge_segments import SegmentDrift, beyond, drift_reading, found_readings, missing_reading, two_sides
from monitors.types import Reading
from reference_data.reference import Reference
from reference_data.windows import Window
from service.histograms import histogram
from service.local import due, segment_harm, segment_profiles, segments
from service.local.convert import aware, iso, number
from service.local.recall import basis
from service.workspace import NotFoundError, WorkspaceError
from storage.readings import current_readings, latest_window

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service import views
    from service.local.core import Core

ROWS = "row_count"  # the check of which every judged window has a reading
_SHOWN = 20  # names in an error


def segment_names(core: Core, model: str) -> list[str]:
    """Return the segments that can be judged, in the order of the declaration; none before there is a reference."""
    spec, reference = core.spec(model), core.active_reference(model)
    frozen = None if reference is None else segment_profiles.frozen_segments(core, reference)
    if frozen is None:
        return []
    names = {space.name: [space.text(code) for code in space.members] for space in frozen.spaces}
    return [name for declared in spec.segments for name in names.get(declared, [])]


def segment_drift(
    core: Core,
    model: str,
    window_start: datetime | None,
    segment: str | None,
    limit: int,
    *,
    column: str | None = None,
) -> list[views.SegmentDrift]:
    """Return every column (or one) inside every segment (or one) of a window (default: the latest judged), the worst first."""
    spec = core.spec(model)
    version, reference, window = _window(core, spec, window_start)
    if reference is None or window is None:
        return []
    if segment is not None:
        known_segment(core, model, segment)
    found: list[views.SegmentDrift] = []
    for drift in _judged(core, reference, version, window):
        blank = blank_of(reference, version, core.now())
        bad = drift.drifted[0] | drift.lost[0]
        for j in np.lexsort((-beyond(drift)[0], ~bad)).tolist():
            if len(found) == limit:
                break
            pair = drift.null.pairs[j]
            if segment in (None, pair.segment) and column in (None, pair.column):
                found.append(_view(drift, j, blank))
    return found


def segment_readings(
    core: Core, model: str, segment: str, since: datetime | None, until: datetime | None
) -> list[Reading]:
    """Return the readings inside one segment, also where nothing is wrong: worked out anew from the profiles of each judged window."""
    known_segment(core, model, segment)
    spec = core.spec(model)
    with core.db.cursor() as cursor:
        judged = {row["window_start"] for row in current_readings(cursor, model, check=ROWS, since=since, until=until)}
    found: list[Reading] = []
    for version, windows in due.serving_stretches(core, spec, since, until):
        reference = core.reference_for(model, version)
        if reference is None:
            continue
        kept = [window for window in due.fair(reference, windows) if window.start in judged]
        for drift in segments.judged(core, spec, reference, version, kept):
            found += found_readings(drift, blank_of(reference, version, core.now()), inside=segment)
        found += segment_harm.inside_readings(core, spec, reference, version, kept, segment)
    return found


def known_segment(core: Core, model: str, segment: str) -> None:
    """Raise :class:`NotFoundError` for a segment that cannot be judged, naming those that can."""
    names = segment_names(core, model)
    if segment in names:
        return
    if not names:
        raise NotFoundError(
            f'model {model!r} has no segments; declare some with `segments = ["column"]` and freeze a reference'
        )
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    raise NotFoundError(f"model {model!r} has no segment {segment!r}; it has: {shown}")


def _judged(core: Core, reference: Reference, version: str, window: Window) -> list[SegmentDrift]:
    """Return what is found inside segments in a window; worked out once for all columns, for as long as nothing it rests on changes."""
    model = reference.model
    question = (model, reference.version, version, window)
    with core.segments.turn(question):
        now, spec = basis(core, model, "judged")
        kept = core.segments.get(question, now)
        if kept is not None:
            found: list[SegmentDrift] = kept.value
            return found
        found = list(segments.judged(core, spec, reference, version, [window]))
        core.segments.put(question, now, spec, found, 1)
        return found


def _window(core: Core, spec: ModelSpec, start: datetime | None) -> tuple[str, Reference | None, Window | None]:
    """Return the version that served a window (default: the latest judged), and what it is held against."""
    with core.db.cursor() as cursor:
        latest = latest_window(cursor, spec.name, ROWS)
    at = latest if start is None else aware(start, spec.zone)
    wanted = None if at is None else core.window_spec(spec.name).containing(at)
    stretches = due.serving_stretches(core, spec)
    for version, windows in reversed(stretches):
        reference = core.reference_for(spec.name, version)
        if reference is None:
            continue
        fair = due.fair(reference, windows)
        if wanted is not None and wanted in fair:
            return version, reference, wanted
    if start is not None and wanted is not None and stretches:
        raise WorkspaceError(
            f"model {spec.name!r} has no judged window that starts at {iso(wanted.start, spec.zone)}; "
            f"`driftdeck readings {spec.name}` lists them"
        )
    return "", None, None


def _view(drift: SegmentDrift, j: int, blank: Reading) -> views.SegmentDrift:
    pair, zone = drift.null.pairs[j], drift.spec.zone
    base, now = two_sides(drift, 0, j)
    only_missing = bool(drift.lost[0, j] and not drift.drifted[0, j])
    reading = (missing_reading if only_missing else drift_reading)(drift, 0, j, blank)
    return {
        "segment": pair.segment,
        "space": pair.space,
        "column": pair.column,
        "check": reading.check,
        "window_start": iso(reading.window.start, zone),
        "window_end": iso(reading.window.end, zone),
        "n": reading.n,
        "n_reference": reading.n_reference,
        "value": number(reading.value),
        "threshold": number(reading.threshold),
        "p_value": number(reading.p_value),
        "shift": number(drift.shift[0, j]),
        "scale": reading.scale,
        "missing": number(drift.missing[0, j]),
        "verdict": reading.verdict,
        "sentence": reading.sentence,
        "histogram": histogram(base.column(pair.column), now.column(pair.column)),
    }
