"""The headline metric inside declared segments: judged in every run, and on request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitors.baseline import Baseline
from monitors.blank import blank_of
from monitors.calibration import windows_per_year
from monitors.evidence import Levels, levels
from monitors.harm import harm_scales
from monitors.harm_segments import LONGEST, SegmentHarm, judge_segment_harm, segment_nulls, segment_reading
from monitors.judge_run import LEAST_COVERAGE
from monitors.metric_null import MetricNull
from monitors.registry import headline_check, positive_class
from monitors.types import Check, Reading
from reference_data.declaration import ModelSpec
from reference_data.profile import Layout, Profile
from reference_data.reference import Reference
from reference_data.segments import Segments, spaces_of
from reference_data.windows import Window, WindowSpec
from service.local import segment_profiles
from service.local.lead_in import blocks
from service.local.quality import FROM_LOG
from service.local.references import file_stamp, sample_path
from service.local.segment_sample import sample_rows
from service.local.series import load_series, sum_groups, whole_baseline
from storage import profile_store
from storage.buckets import bucket_sql, bucket_start
from storage.profiler import profile_rows
from storage.readings import ANY_SEGMENT, current_readings
from storage.segments import code_sql

if TYPE_CHECKING:
    from service.local.core import Core

_DAYS_OF_YEAR = 365.25
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """What was found in some windows, and what is needed to say it. ``coverage``: labelled share of all rows, by window."""

    check: Check
    windows: list[Window]
    found: list[SegmentHarm]
    coverage: list[float]


def stretch_readings(
    core: Core, spec: ModelSpec, reference: Reference, version: str, windows: Sequence[Window]
) -> list[Reading]:
    """Judge the segments in ``windows``, which ``version`` served; returns where one got worse.

    A reading that says otherwise of one of these windows, from an earlier run, is restated.
    """
    blank = blank_of(reference, version, core.now())
    found: list[Reading] = []
    try:
        for part in _judge(core, spec, reference, version, windows):
            before = _said_before(core, blank, part)
            found += [
                _reading(core, spec, part, own, place, blank)
                for place, window in enumerate(part.windows)
                for own in part.found
                if own.found[place] or (window.start, own.segment) in before
            ]
    except Exception as error:  # the rows as a whole are judged all the same
        words, names = f"performance inside segments could not be judged: {error}", ", ".join(spec.segments)
        failed = replace(blank, scope="performance", segment=names, verdict="error", error=words, sentence=words)
        found += [replace(failed, window=window) for window in windows]
    return found


def inside_readings(
    core: Core, spec: ModelSpec, reference: Reference, version: str, windows: Sequence[Window], segment: str
) -> list[Reading]:
    """Return the readings of the headline metric inside one segment in ``windows``, also where nothing is wrong."""
    blank = blank_of(reference, version, core.now())
    return [
        _reading(core, spec, part, own, place, blank)
        for part in _judge(core, spec, reference, version, windows)
        for own in part.found
        if own.segment == segment
        for place in range(len(part.windows))
    ]


def _reading(core: Core, spec: ModelSpec, part: _Judged, own: SegmentHarm, place: int, blank: Reading) -> Reading:
    window_spec, scale = core.window_spec(spec.name), int(own.harm.scale[place])
    unit = _UNITS[window_spec.unit] if window_spec.length == 1 else "windows"
    over = f"over the last {scale} {unit}" if scale > 1 else ""
    at = replace(blank, window=part.windows[place])
    return segment_reading(spec, own, place, part.check, at, over, part.coverage[place])


def _said_before(core: Core, blank: Reading, part: _Judged) -> set[tuple[object, str]]:
    """Return (start of window, segment) of what was found when these windows were judged before."""
    with core.db.cursor() as cursor:
        rows = current_readings(
            cursor,
            blank.model,
            model_version=blank.model_version,
            reference_version=blank.reference_version,
            since=part.windows[0].start,
            until=part.windows[-1].end,
            scope="performance",
            segment=ANY_SEGMENT,
            verdict="critical",
        )
    return {(row["window_start"], row["segment"]) for row in rows}


def _judge(
    core: Core, spec: ModelSpec, reference: Reference, version: str, windows: Sequence[Window]
) -> Iterator[_Judged]:
    """Yield what is found in ``windows``, a stretch of them at a time; nothing where there are no segments, labels or rows kept."""
    if reference.outcomes is None or not spec.segments or not windows or spec.task == "none":
        return
    layout = reference.outcomes.layout.narrow()
    check = headline_check(spec, layout)
    whole = headline_check(spec, reference.outcomes.layout)
    if check is None or whole is None or check.name != whole.name:
        return  # what the metric needs is not kept by segment
    window_spec = core.window_spec(spec.name)
    baseline = whole_baseline(core, spec, reference)
    frozen = segment_profiles.frozen_segments(core, reference)
    path = sample_path(core, reference.model, reference.version)
    nulls = _nulls(spec.model_dump_json(), path, file_stamp(path), reference, frozen, check, window_spec, baseline)
    if not nulls or baseline.calibration.outcomes is None:
        return
    per_day = windows_per_year(window_spec) / _DAYS_OF_YEAR
    scales = harm_scales(baseline.calibration.outcomes.scales, per_day)
    scales = tuple(scale for scale in scales if scale <= max(LONGEST * per_day, 1))
    level = _levels(spec, window_spec).page_segments
    own = reference.source.startswith(FROM_LOG)
    for block in blocks(core, spec, reference, windows, fair=own):
        served = load_series(core, reference, "inputs", block.windows, version=version).profile.rows
        labelled = load_series(core, reference, "outcomes", block.windows, version=version).profile.rows
        coverage = np.divide(labelled, served, out=np.zeros(len(served)), where=served > 0)
        judged = np.asarray(block.judged, dtype=np.int64)
        found = judge_segment_harm(
            spec,
            check,
            baseline.calibration.metrics[check.name],
            nulls,
            block.windows,
            _series(core, reference, layout, block.windows, version),
            labelled,
            coverage >= LEAST_COVERAGE,
            level,
            scales,
            judged,
        )
        kept = [block.windows[place] for place in block.judged]
        yield _Judged(check, kept, found, coverage[judged].tolist())


def _levels(spec: ModelSpec, window_spec: WindowSpec) -> Levels:
    budget = spec.monitor.alert_budget
    return levels(windows_per_year(window_spec), 1, 0, budget.pages_per_year, budget.warnings_per_year)


def _series(
    core: Core, reference: Reference, layout: Layout, windows: Sequence[Window], version: str
) -> dict[str, Profile]:
    """Sum the stored outcomes of every segment into adjacent ``windows``: of each a profile of shape (windows,)."""
    with core.db.cursor() as cursor:
        keys, buckets = profile_store.load_segments(
            cursor, layout, reference.model, reference.version, windows[0].start, windows[-1].end, role="serving"
        )
    starts = np.asarray([window.start.timestamp() for window in windows])
    groups: dict[str, list[list[int]]] = {}
    for index, key in enumerate(keys):
        if key.model_version == version:
            at = int(np.searchsorted(starts, key.start.timestamp(), side="right")) - 1
            groups.setdefault(key.segment, [[] for _ in windows])[at].append(index)
    flat = sum_groups(layout, buckets, [rows for parts in groups.values() for rows in parts])
    size = len(windows)
    return {name: flat[place * size : (place + 1) * size] for place, name in enumerate(groups)}


@lru_cache(maxsize=16)
def _nulls(
    declared: str,
    path: Path,
    written: tuple[int, int],  # noqa: ARG001  (a deletion writes the file anew)
    reference: Reference,
    frozen: Segments | None,
    check: Check,
    window_spec: WindowSpec,
    baseline: Baseline,
) -> dict[str, MetricNull]:
    """What segments do by themselves, from the rows kept of a reference: it never changes, so they are read once."""
    spec = ModelSpec.model_validate_json(declared)
    whole = baseline.calibration.metrics.get(check.name)
    if reference.outcomes is None or whole is None or not path.exists():
        return {}
    layout = reference.outcomes.layout.narrow()
    windows = reference.windows(window_spec)[0]
    names: list[str] = []
    profiles: list[Profile] = []
    with sample_rows(path) as rows:
        timed = rows.timed and reference.period.start < reference.period.end
        bucket, inside = bucket_sql(windows, "_event_time") if timed else ("0::BIGINT", "true")
        places = {window.start: place for place, window in enumerate(windows)} if timed else {}
        size, relation = len(windows) if timed else 1, rows.labelled().relation
        for space in spaces_of(spec.segments, reference.inputs.total(), frozen):
            if any(cut.column not in rows.expressions for cut in space.cuts):
                continue
            group = [bucket, code_sql(space, reference.inputs.layout, rows.expressions)]
            positive = positive_class(spec, layout)
            keys, found = profile_rows(
                rows.cursor, relation, rows.expressions, layout, group=group, positive=positive, where=inside
            )
            own: dict[str, Profile] = {}
            for place, (start, code) in enumerate(keys):
                profile = own.setdefault(space.text(code), layout.empty(size))
                at = places[bucket_start(start)] if timed else 0
                profile.counts[at], profile.moments[at] = found.counts[place], found.moments[place]
            names += list(own)
            profiles += list(own.values())
    if not names:
        return {}
    counts, moments = (np.stack([getattr(p, part) for p in profiles]) for part in ("counts", "moments"))
    return segment_nulls(spec, check, whole, names, Profile(layout, counts, moments))
