"""Profiles of windows: sums of the stored buckets, whatever the window, version or segment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
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
from storage.traffic import bucket_rows

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
    ours = _of_reference(core, reference, {row.model_version for row in rows if row.role == "serving"})
    first = next((row.start for row in rows if row.role == "serving" and row.model_version in ours), None)
    if first is None:
        return None
    places: dict[datetime, list[int]] = {}
    for index, key in enumerate(keys):
        if key.role == "serving" and key.model_version in ours:
            places.setdefault(key.start, []).append(index)
    return LogBuckets(tuple(places), sum_groups(layout, buckets, list(places.values())), first)


def _of_reference(core: Core, reference: Reference, served: Collection[str]) -> frozenset[str]:
    """Return which of the versions that served anything are held against this reference."""
    found = {name: core.reference_for(reference.model, name) for name in served}
    return frozenset(name for name, own in found.items() if own is not None and own.version == reference.version)


def load_inputs(core: Core, reference: Reference, windows: Sequence[Window], version: str) -> tuple[Profile, Profile]:
    """Return the inputs of what all versions of this reference served, and of what ``version`` alone did.

    What arrives is one story whoever answers it: after a change of champion the means over several windows go on. The answers themselves
    (prediction, score) are the version's own in both.
    """
    layout = reference.inputs.layout
    keys, buckets = _load(core, reference, "inputs", windows)
    ours = _of_reference(core, reference, {key.model_version for key in keys if key.role == "serving"}) | {version}
    own = sum_groups(layout, buckets, _places(keys, windows, frozenset({version}), "serving"))
    if ours == {version}:
        return own, own
    every = sum_groups(layout, buckets, _places(keys, windows, ours, "serving"))
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
    layout = _layout(reference, part)
    keys, buckets = _load(core, reference, part, windows)
    names = frozenset({version}) if isinstance(version, str) else version
    return Series(list(windows), sum_groups(layout, buckets, _places(keys, windows, names, role)))


def _load(
    core: Core, reference: Reference, part: profile_store.Part, windows: Sequence[Window]
) -> tuple[list[profile_store.BucketKey], Profile]:
    """Return the stored buckets from the first window's start to the last one's end, whoever answered them."""
    layout = _layout(reference, part)
    if not windows:
        return [], layout.empty(0)
    since, until = windows[0].start, windows[-1].end
    with core.db.cursor() as cursor:
        return profile_store.load(cursor, layout, reference.model, reference.version, part, since, until)


def _layout(reference: Reference, part: profile_store.Part) -> Layout:
    return reference.inputs.layout if part == "inputs" or reference.outcomes is None else reference.outcomes.layout


def _places(
    keys: Sequence[profile_store.BucketKey], windows: Sequence[Window], names: Collection[str] | None, role: str | None
) -> list[list[int]]:
    """Return which buckets each window sums: those of these versions and this role, of any where None is given."""
    starts = [window.start for window in windows]
    rows: list[list[int]] = [[] for _ in windows]
    for index, key in enumerate(keys):
        if (names is not None and key.model_version not in names) or (role is not None and key.role != role):
            continue
        place = bisect_right(starts, key.start) - 1
        if place >= 0 and key.start < windows[place].end:
            rows[place].append(index)
    return rows


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
    if all(len(rows) == 1 for rows in groups):
        return buckets[np.asarray([row for (row,) in groups], dtype=np.int64)]
    result = layout.empty(len(groups))
    for place, rows in enumerate(groups):
        if rows:
            total = buckets[rows[0]] if len(rows) == 1 else buckets[np.asarray(rows)].total()
            result.counts[place] = total.counts
            result.moments[place] = total.moments
    return result
