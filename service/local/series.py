"""Profiles of windows: sums of the stored buckets, whatever the window, version or segment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from monitors.baseline import Baseline, Baselines, LogBuckets
from reference_data.declaration import ModelSpec
from reference_data.profile import Layout, Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec
from storage import profile_store
from storage.traffic import BucketRows, bucket_rows

if TYPE_CHECKING:
    from datetime import datetime

    from service.local.core import Core


def held_against(
    core: Core, spec: ModelSpec, reference: Reference, windows: Sequence[Window]
) -> list[tuple[Baseline, list[int]]]:
    """Return what each of ``windows`` is held against by the model's plan, with the places of the windows it is for."""
    chosen = _baselines(spec.model_dump_json(), reference, core.window_spec(spec.name))
    rolling = spec.reference.kind == "rolling" and bool(windows)
    return chosen.groups(windows, _log(core, reference, chosen, windows) if rolling else None)


def whole_baseline(core: Core, spec: ModelSpec, reference: Reference) -> Baseline:
    """Return all of a reference with its natural variation, whatever the model's plan."""
    return _baselines(spec.model_dump_json(), reference, core.window_spec(spec.name)).whole


@lru_cache(maxsize=32)
def _baselines(spec: str, reference: Reference, window_spec: WindowSpec) -> Baselines:
    """Natural variation follows from these, so it is measured once."""
    return Baselines(ModelSpec.model_validate_json(spec), reference, window_spec)


def _log(core: Core, reference: Reference, chosen: Baselines, windows: Sequence[Window]) -> LogBuckets | None:
    """Return the log's own buckets before ``windows``, of what was served by any version that this reference is for."""
    model, layout = reference.model, reference.inputs.layout
    cuts = [chosen.stretch_before(window) for window in windows]
    with core.db.cursor() as cursor:
        rows = bucket_rows(cursor, model, reference.version, "inputs")
        since, until = min(start for _, start in cuts), max(end for end, _ in cuts)
        keys, buckets = profile_store.load(cursor, layout, model, reference.version, "inputs", since, until)
    ours = _of_reference(core, reference, rows)
    first = next((row.start for row in rows if row.role == "serving" and row.model_version in ours), None)
    if first is None:
        return None
    places: dict[datetime, list[int]] = {}
    for index, key in enumerate(keys):
        if key.role == "serving" and key.model_version in ours:
            places.setdefault(key.start, []).append(index)
    return LogBuckets(tuple(places), sum_groups(layout, buckets, list(places.values())), first)


def _of_reference(core: Core, reference: Reference, rows: Sequence[BucketRows]) -> frozenset[str]:
    """Return the versions that served anything and are held against this reference."""
    served = {row.model_version for row in rows if row.role == "serving"}
    found = {name: core.reference_for(reference.model, name) for name in served}
    return frozenset(name for name, own in found.items() if own is not None and own.version == reference.version)


def load_inputs(core: Core, reference: Reference, windows: Sequence[Window], version: str) -> tuple[Profile, Profile]:
    """Return the inputs of what all versions of this reference served, and of what ``version`` alone did.

    What arrives is one story whoever answers it: after a change of champion the means over several windows go on. The answers themselves
    (prediction, score) are the version's own in both.
    """
    with core.db.cursor() as cursor:
        rows = bucket_rows(cursor, reference.model, reference.version, "inputs")
    ours = _of_reference(core, reference, rows)
    own = load_series(core, reference, "inputs", windows, version=version).profile
    if ours <= {version}:
        return own, own
    every = load_series(core, reference, "inputs", windows, version=ours | {version}).profile
    layout = own.layout
    for name in (entry.column.name for entry in layout.columns if entry.column.role in ("prediction", "score")):
        counts, moments = layout.count_slice(name), layout.moment_slice(name)
        every.counts[:, counts] = own.counts[:, counts]
        if moments is not None:
            every.moments[:, moments] = own.moments[:, moments]
    return every, own


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One profile a window."""

    windows: list[Window]
    profile: Profile


def load_series(
    core: Core,
    reference: Reference,
    part: profile_store.Part,
    windows: Sequence[Window],
    *,
    version: str | frozenset[str] | None = None,
    role: str | None = "serving",
) -> Series:
    """Sum the stored buckets of a model into ``windows`` (ascending, apart), for one version (or several) and role, or for all."""
    layout = reference.inputs.layout if part == "inputs" or reference.outcomes is None else reference.outcomes.layout
    if not windows:
        return Series([], layout.empty(0))
    with core.db.cursor() as cursor:
        keys, buckets = profile_store.load(
            cursor,
            layout,
            reference.model,
            reference.version,
            part,
            windows[0].start,
            windows[-1].end,
        )
    names = frozenset({version}) if isinstance(version, str) else version
    starts = [window.start for window in windows]
    rows: list[list[int]] = [[] for _ in windows]
    for index, key in enumerate(keys):
        if (names is not None and key.model_version not in names) or (role is not None and key.role != role):
            continue
        place = bisect_right(starts, key.start) - 1
        if place >= 0 and key.start < windows[place].end:
            rows[place].append(index)
    return Series(list(windows), sum_groups(layout, buckets, rows))


def load_segments(core: Core, reference: Reference, window: Window) -> dict[str, Profile]:
    """Return the outcomes of what was served in ``window`` by segment (``column=value``), each summed to one profile."""
    assert reference.outcomes is not None
    layout = reference.outcomes.layout
    with core.db.cursor() as cursor:
        keys, buckets = profile_store.load_segments(
            cursor, layout, reference.model, reference.version, window.start, window.end, role="serving"
        )
    groups: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key.segment, []).append(index)
    summed = sum_groups(buckets.layout, buckets, list(groups.values()))
    return {name: summed[place] for place, name in enumerate(groups)}


def sum_groups(layout: Layout, buckets: Profile, groups: Sequence[Sequence[int]]) -> Profile:
    """Merge the given rows of ``buckets`` to one profile a group; an empty group is a profile of no rows."""
    result = layout.empty(len(groups))
    for place, rows in enumerate(groups):
        if rows:
            total = buckets[rows[0]] if len(rows) == 1 else buckets[np.asarray(rows)].total()
            result.counts[place] = total.counts
            result.moments[place] = total.moments
    return result
