"""Profiles by segment: of the reference, of the log, and of segments that were declared after the reference was frozen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.segments import Segments, segment_columns
from reference_data.windows import Window
from service.local.references import sample_path
from service.local.segment_sample import sample_rows
from service.local.series import sum_groups
from storage import profile_store
from storage.due import due_buckets, profiled_at
from storage.logs import log_relation
from storage.row_source import RowSource, logged_window
from storage.segments import count_rows, freeze_segments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reference_data.declaration import ModelSpec
    from service.local.core import Core

_LEAST_OF_LOG = 0.9  # of a reference's rows that must still be in the log for it to be profiled again from there
_CANNOT_BE_CUT = ("text", "datetime", "embedding")


def frozen_segments(core: Core, reference: Reference) -> Segments | None:
    """Return the segments of a reference: those frozen with it, and those added since; None when there are none."""
    path = _added_path(core, reference)
    return _with_added(reference, path, path.stat().st_mtime_ns) if path.exists() else reference.segments


@lru_cache(maxsize=32)
def _with_added(reference: Reference, path: Path, stamp: int) -> Segments | None:
    del stamp  # a file written anew is read anew
    added, own = Segments.from_bytes(path.read_bytes()), reference.segments
    if own is None:
        return added
    layout = reference.inputs.layout
    known = {space.name for space in own.spaces}
    parts = [own.profile(layout), added.profile(layout)]
    if parts[0].rows.shape[1] != parts[1].rows.shape[1]:
        return own
    spaces = [*own.spaces, *(space for space in added.spaces if space.name not in known)]
    rows = [place for place, (space, _) in enumerate(added.members) if space.name not in known]
    counts = np.concatenate([parts[0].counts, parts[1].counts[rows]])
    moments = np.concatenate([parts[0].moments, parts[1].moments[rows]])
    return Segments.of(spaces, own.coarsening, Profile(parts[0].layout, counts, moments))


def _added_path(core: Core, reference: Reference) -> Path:
    return core.home.references / f"{reference.model}_{reference.version}.segments"


# -- segments declared after the reference -----------------------------------------------------------------------------
def bring_up(core: Core, spec: ModelSpec, reference: Reference) -> None:
    """Add to a reference the segments that were declared after it was frozen, as far as its rows are still there.

    They are in the log, if it was frozen from there, or else in the sample that was kept of them. The log's own buckets are then
    profiled by segment once more.
    """
    have = frozen_segments(core, reference)
    known = set() if have is None else {space.name for space in have.spaces}
    lacking = [name for name in spec.segments if name not in known and _can_be_cut(spec, name)]
    if not lacking:
        return
    path = _added_path(core, reference)
    before = Segments.from_bytes(path.read_bytes()) if path.exists() else None
    wanted = [*lacking, *(space.name for space in before.spaces)] if before else lacking
    made = _from_rows(core, spec, reference, wanted, reference.segments)
    if made is None or not {space.name for space in made.spaces} & {*lacking}:
        return
    version = reference.version
    core.db.write(lambda con: profile_store.forget(con, spec.name, version, "segments"), about=spec.name)
    draft = path.with_suffix(".part")
    draft.write_bytes(made.to_bytes())
    draft.chmod(0o600)
    draft.replace(path)


def _from_rows(
    core: Core, spec: ModelSpec, reference: Reference, wanted: Sequence[str], own: Segments | None
) -> Segments | None:
    every = core.window_spec(spec.name).bucket
    windows = [every.containing(bucket) for bucket in reference.buckets]

    def frozen(rows: RowSource) -> Segments | None:
        held = all(name in rows.expressions for name in reference.inputs.layout.names)
        if not held:
            return None
        timed = windows if rows.timed else None
        made = freeze_segments(
            rows.cursor,
            rows.relation,
            rows.expressions,
            wanted,
            reference.inputs,
            timed,
            own.coarsening if own else None,
        )
        whole = own is None or made is None or rows.timed or len(windows) == 1
        return made if whole else None

    if reference.source.startswith("log"):
        with core.db.cursor() as cursor:
            rows = logged_window(cursor, spec, reference.period)
            if count_rows(rows) >= _LEAST_OF_LOG * reference.rows:
                return frozen(rows)
    path = sample_path(core, reference.model, reference.version)
    if not path.exists():
        return None
    with sample_rows(path) as rows:
        return frozen(rows)


def _can_be_cut(spec: ModelSpec, name: str) -> bool:
    types = spec.features | spec.context
    try:
        return not any(types.get(column) in _CANNOT_BE_CUT for column in segment_columns(name, types))
    except ValueError:
        return False


def remarks(core: Core, spec: ModelSpec, reference: Reference) -> list[str]:
    """Say which declared segments are not judged against this reference, and what would help."""
    frozen = frozen_segments(core, reference)
    known = set() if frozen is None else {space.name for space in frozen.spaces}
    found = []
    for name in spec.segments:
        if name in known:
            continue
        if not _can_be_cut(spec, name):
            found.append(
                f"Segment {name} cannot be judged: texts, times and embeddings have no values to tell apart; declare the column categorical."
            )
        else:
            found.append(
                f"Segment {name} was declared after reference {reference.version}, whose rows are not there any more (or not by time): it is "
                "judged from the next reference on."
            )
    return found


# -- the log by segment ------------------------------------------------------------------------------------------------
def measured(
    core: Core, cursor: Any, spec: ModelSpec, reference: Reference, fresh: Sequence[datetime], filled: Mapping[str, str]
) -> list[profile_store.Measured]:
    """Profile by segment the buckets that were just profiled as a whole (``fresh``), and those that never were by segment.

    ``filled``: SQL of inputs of the reference that are no longer declared.
    """
    frozen = frozen_segments(core, reference)
    if frozen is None:
        return []
    whole = profiled_at(cursor, spec.name, reference.version, "inputs").keys()
    due = sorted({*fresh, *due_buckets(cursor, spec.name, reference.version, "segments", whole)})
    if not due:
        return []
    every = core.window_spec(spec.name).bucket
    rows, expressions = log_relation(spec, Window(due[0], every.containing(due[-1]).end), cursor)
    names = dict(filled) | dict(expressions)
    return [profile_store.measure(cursor, spec, reference, rows, names, due, "segments", segments=frozen)]


def segment_series(
    core: Core, reference: Reference, frozen: Segments, windows: Sequence[Window], version: str | None
) -> Profile:
    """Sum the stored buckets into adjacent ``windows`` by segment, of what ``version`` (None: any) served: shape (segments, windows)."""
    layout = frozen.coarsening.layout(reference.inputs.layout)
    with core.db.cursor() as cursor:
        keys, buckets = profile_store.load_segments(
            cursor,
            layout,
            reference.model,
            reference.version,
            windows[0].start,
            windows[-1].end,
            role="serving",
            part="segments",
        )
    place = {name: index for index, name in enumerate(frozen.names)}
    starts = np.asarray([window.start.timestamp() for window in windows])
    groups: list[list[int]] = [[] for _ in range(len(place) * len(windows))]
    for index, key in enumerate(keys):
        if version in (None, key.model_version) and key.segment in place:
            at = int(np.searchsorted(starts, key.start.timestamp(), side="right")) - 1
            groups[place[key.segment] * len(windows) + at].append(index)
    flat = sum_groups(layout, buckets, groups)
    shape = (len(place), len(windows))
    return Profile(layout, flat.counts.reshape(*shape, -1), flat.moments.reshape(*shape, -1))
