"""Drift inside segments: judged in every run, and on request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from monitors.blank import blank_of
from monitors.judge_segments import (
    SegmentDrift,
    drift_reading,
    found_readings,
    judge_segments,
    missing_reading,
)
from monitors.registry import DECIDING
from monitors.segment_null import SegmentNull, learn
from monitors.types import Reading
from reference_data.declaration import ModelSpec
from reference_data.reference import Reference
from reference_data.segments import Segments
from reference_data.windows import Window, WindowSpec
from service.local import segment_profiles
from service.local.lead_in import blocks
from service.local.quality import FROM_LOG
from storage.readings import ANY_SEGMENT, current_readings

if TYPE_CHECKING:
    from service.local.core import Core

_AT_ONCE = 100  # windows that are judged in one step: more would only take memory


def stretch_readings(
    core: Core, spec: ModelSpec, reference: Reference, version: str, windows: Sequence[Window]
) -> list[Reading]:
    """Judge the segments in ``windows``, which ``version`` served; returns what is not as in the reference.

    A reading that says otherwise of one of these windows, from an earlier run, is restated.
    """
    found: list[Reading] = []
    blank = blank_of(reference, version, core.now())
    try:
        for drift in judged(core, spec, reference, version, windows):
            fresh = list(found_readings(drift, blank))
            found += [*fresh, *_restated(core, drift, blank, {(r.window, r.segment, r.column, r.check) for r in fresh})]
    except Exception as error:  # the rows as a whole are judged all the same
        words, names = f"segments could not be judged: {error}", ", ".join(spec.segments)
        failed = replace(blank, check=DECIDING, segment=names, verdict="error", error=words, sentence=words)
        found += [replace(failed, window=window) for window in windows]
    return found


def judged(
    core: Core, spec: ModelSpec, reference: Reference, version: str, windows: Sequence[Window]
) -> Iterator[SegmentDrift]:
    """Yield what is found inside segments in ``windows``, some of them at a time; nothing where segments are not judged."""
    frozen = segment_profiles.frozen_segments(core, reference)
    if frozen is None or spec.reference.kind == "rolling" or not windows:
        return
    null = _null(spec.model_dump_json(), reference, frozen, core.window_spec(spec.name))
    if null is None:
        return
    own = reference.source.startswith(FROM_LOG)
    for first in range(0, len(windows), _AT_ONCE):
        for block in blocks(core, spec, reference, windows[first : first + _AT_ONCE], fair=own):
            series = segment_profiles.segment_series(core, reference, frozen, block.windows, version)
            yield judge_segments(spec, null, block.windows, series, block.judged)


@lru_cache(maxsize=16)
def _null(spec: str, reference: Reference, frozen: Segments, window_spec: WindowSpec) -> SegmentNull | None:
    """Natural variation follows from these, so it is measured once."""
    return learn(ModelSpec.model_validate_json(spec), reference, frozen, window_spec)


def _restated(core: Core, drift: SegmentDrift, blank: Reading, fresh: set[tuple[object, ...]]) -> Iterator[Reading]:
    """Yield anew the readings of these windows that were not as in the reference when they were judged before, and are now."""
    windows = {window.start: place for place, window in enumerate(drift.windows)}
    pairs = {(pair.segment, pair.column): place for place, pair in enumerate(drift.null.pairs)}
    with core.db.cursor() as cursor:
        rows = current_readings(
            cursor,
            blank.model,
            model_version=blank.model_version,
            reference_version=blank.reference_version,
            since=drift.windows[0].start,
            until=drift.windows[-1].end,
            segment=ANY_SEGMENT,
        )
    for row in rows:
        i, j = windows.get(row["window_start"]), pairs.get((row["segment"], row["column"]))
        if row["verdict"] == "ok" or i is None or j is None:
            continue
        if (drift.windows[i], row["segment"], row["column"], row["check"]) not in fresh:
            yield (drift_reading if row["check"] == DECIDING else missing_reading)(drift, i, j, blank)
