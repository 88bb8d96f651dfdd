"""What is in a slice of a model: its days as profiles, from what is stored; no row is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from reference_data.profile import Profile
from reference_data.windows import Window
from service.local.segment_profiles import frozen_segments
from service.local.series import sum_groups
from service.workspace import NotFoundError, WorkspaceError
from storage import profile_store
from storage.profile_store import BucketKey, dirty_buckets
from storage.traffic import bucket_rows, event_span

if TYPE_CHECKING:
    from reference_data.reference import Reference
    from reference_data.segments import Segments
    from service.local.core import Core
    from service.slice_words import Asked


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """The days of a slice (local dates as midnights of UTC, ascending), and a profile for each: of inputs, and of outcomes if there are any."""

    asked: Asked
    period: Window
    versions: tuple[str, ...]
    role: str
    days: tuple[datetime, ...]
    inputs: Profile
    outcomes: Profile | None
    outcome_days: tuple[datetime, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows in it."""
        return int(self.inputs.rows.sum())

    @property
    def labelled(self) -> int:
        """Rows in it whose truth is known."""
        return 0 if self.outcomes is None else int(self.outcomes.rows.sum())


def common_reference(core: Core, model: str, left: Asked, right: Asked) -> Reference:
    """Return the reference in whose cells both slices can be counted: one that is asked for, else that of a named version, else the active one."""
    named = {asked.reference for asked in (left, right) if asked.reference > 0}
    if len(named) > 1:
        raise WorkspaceError(
            f"two references have different cells; compare them with `driftdeck references {model} --diff {' '.join(map(str, sorted(named)))}`"
        )
    active = core.active_reference(model)
    if active is None:
        raise WorkspaceError(
            f"model {model!r} has no reference yet, so nothing of it is profiled; freeze one: `driftdeck reference {model} DATA`"
        )
    if named:
        number = named.pop()
        known = core.control.reference_versions(model)
        if number not in known:
            raise NotFoundError(f"model {model!r} has no reference {number}; it has: {', '.join(map(str, known))}")
        return core.control.reference(model, number)
    if left.reference or right.reference:
        other = right if left.reference else left
        return core.reference_for(model, other.version) or active if other.version else active
    with core.db.cursor() as cursor:
        rows = bucket_rows(cursor, model, active.version, "inputs")
    held = {row.model_version for row in rows}
    lacking = [asked.version for asked in (right, left) if asked.version and asked.version not in held]
    return (core.reference_for(model, lacking[0]) or active) if lacking else active


def load_slice(core: Core, model: str, reference: Reference, asked: Asked, *, coarse: bool) -> Slice:
    """Return a slice in the cells of ``reference``, ``coarse`` where either side is of a segment.

    Raises :class:`WorkspaceError` naming what there is when there are no rows in it.
    """
    frozen = frozen_segments(core, reference) if coarse else None
    if coarse and frozen is None:
        raise WorkspaceError(f"model {model!r} has no segments to compare; declare them (segments = […]) and run it")
    if asked.segment is not None and frozen is not None and asked.segment not in frozen.names:
        some = ", ".join(frozen.names[:20])
        raise NotFoundError(
            f"model {model!r} has no segment {asked.segment!r}; it has: {some}{' …' if len(frozen.names) > 20 else ''}"
        )
    if asked.reference:
        return _of_reference(core, reference, asked, frozen)
    return _of_log(core, model, reference, asked, frozen)


def _of_reference(core: Core, reference: Reference, asked: Asked, frozen: Segments | None) -> Slice:
    zone = core.spec(reference.model).zone
    inputs, outcomes = reference.inputs, reference.outcomes
    notes: tuple[str, ...] = ()
    if frozen is not None:
        if asked.segment is None:
            inputs = frozen.coarsening.fold(inputs)
            outcomes = None if outcomes is None else _narrow(outcomes)
        else:
            inputs, outcomes = frozen.profile(inputs.layout)[frozen.names.index(asked.segment)], None
            notes = ("how good the model was inside a segment of the reference is not kept",)
    days, places = _days([bucket.astimezone(zone) for bucket in reference.buckets])
    timed = len(reference.buckets) == inputs.rows.shape[0] and len(days) > 0

    def daily(profile: Profile) -> Profile:
        return sum_groups(profile.layout, profile, places if timed else [list(range(profile.rows.shape[0]))])

    kept = days if timed else (datetime(1970, 1, 1, tzinfo=UTC),)
    return Slice(
        asked, reference.period, (), "reference", kept, daily(inputs), None if outcomes is None else daily(outcomes), kept, notes
    )  # fmt: skip


def _narrow(profile: Profile) -> Profile:
    layout = profile.layout.narrow()
    if layout is profile.layout:
        return profile
    names = layout.names
    counts = [profile.counts[..., :1], *(profile.counts[..., profile.layout.count_slice(name)] for name in names)]
    moments = [
        profile.moments[..., place] for name in names if (place := profile.layout.moment_slice(name)) is not None
    ]
    kept = np.concatenate(moments, axis=-1) if moments else profile.moments[..., :0]
    return Profile(layout, np.concatenate(counts, axis=-1), kept)


def _of_log(core: Core, model: str, reference: Reference, asked: Asked, frozen: Segments | None) -> Slice:
    period, notes = _period(core, model, asked)
    number, span = reference.version, (period.start, period.end)
    layout = reference.inputs.layout if frozen is None else frozen.coarsening.layout(reference.inputs.layout)
    part: profile_store.Part = "inputs" if asked.segment is None else "segments"
    with core.db.cursor() as cursor:
        fine = reference.inputs.layout if asked.segment is None else layout
        keys, buckets = profile_store.load(cursor, fine, model, number, part, *span, segment=asked.segment)
        late = [day for day in dirty_buckets(cursor, model, "inputs", period.end) if day >= period.start]
        outcomes = None
        if reference.outcomes is not None:
            outcomes = profile_store.load(
                cursor, reference.outcomes.layout, model, number, "outcomes", *span, segment=asked.segment
            )
    if frozen is not None and asked.segment is None:
        buckets = frozen.coarsening.fold(buckets)
        outcomes = None if outcomes is None else (outcomes[0], _narrow(outcomes[1]))
    role = asked.role or _role(keys, asked.version)
    days, daily, versions = _summed(core, model, keys, buckets, asked.version, role)
    if not days:
        raise NotFoundError(_nothing(core, model, reference, asked, keys, role))
    if late:
        notes = (
            *notes,
            f"{len(late):,} days or hours of it have rows that are not profiled yet; `driftdeck run {model}` does that",
        )
    outcome_days: tuple[datetime, ...] = ()
    labelled = None
    if outcomes is not None:
        outcome_days, labelled, _ = _summed(core, model, *outcomes, asked.version, role)
    return Slice(asked, period, versions, role, days, daily, labelled if outcome_days else None, outcome_days, notes)


def _period(core: Core, model: str, asked: Asked) -> tuple[Window, tuple[str, ...]]:
    """Return whole buckets that hold what is asked for, and a note if they hold more."""
    every = core.window_spec(model).bucket
    with core.db.cursor() as cursor:
        span = event_span(cursor, model, core.now())
    if span is None:
        raise NotFoundError(f"model {model!r} has no rows yet; log some with `driftdeck log {model} FILE`")
    last = every.containing(span[1]).end
    start, end = asked.start or every.containing(span[0]).start, asked.end or last
    if asked.last is not None:
        start = end - asked.last
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        raise NotFoundError(_outside(core, model, asked, (span[0], span[1])))
    whole = Window(every.containing(start).start, every.containing(end - timedelta(microseconds=1)).end)
    if (whole.start, whole.end) == (start, end) or asked.last is not None:
        return whole, ()
    unit = "hours" if every.unit == "h" else "days"
    return whole, (f"profiles are kept by {unit}, so slice {asked.text!r} is taken as whole {unit}",)


def _role(keys: Sequence[BucketKey], version: str | None) -> str:
    """Return what is meant where no role is named: what was served, or of a version that only looked on, that."""
    roles = {key.role for key in keys if version is None or key.model_version == version}
    return "shadow" if version is not None and roles == {"shadow"} else "serving"


def _summed(
    core: Core, model: str, keys: Sequence[BucketKey], buckets: Profile, version: str | None, role: str
) -> tuple[tuple[datetime, ...], Profile, tuple[str, ...]]:
    zone = core.spec(model).zone
    wanted = [
        place
        for place, key in enumerate(keys)
        if key.role == role and version in (None, key.model_version) and buckets.counts[place, 0]
    ]
    days, groups = _days([keys[place].start.astimezone(zone) for place in wanted])
    rows = [[wanted[index] for index in group] for group in groups]
    versions = tuple(dict.fromkeys(keys[place].model_version for place in wanted))
    return days, sum_groups(buckets.layout, buckets, rows), versions


def _days(moments: Sequence[datetime]) -> tuple[tuple[datetime, ...], list[list[int]]]:
    """Return local dates as midnights of UTC, which no summer time shifts, and the places of the moments in each."""
    places: dict[datetime, list[int]] = {}
    for place, moment in enumerate(moments):
        places.setdefault(datetime(moment.year, moment.month, moment.day, tzinfo=UTC), []).append(place)
    days = tuple(sorted(places))
    return days, [places[day] for day in days]


def _nothing(core: Core, model: str, reference: Reference, asked: Asked, keys: Sequence[BucketKey], role: str) -> str:
    if asked.version is not None and not any(key.model_version == asked.version for key in keys):
        with core.db.cursor() as cursor:
            rows = bucket_rows(cursor, model, reference.version, "inputs")
        known = ", ".join(dict.fromkeys(row.model_version for row in rows)) or "none"
        return f"slice {asked.text!r}: version {asked.version!r} answered nothing in it; versions that answered anything: {known}"
    if keys and asked.role is not None:
        return f"slice {asked.text!r} holds no rows in role {role!r}; there are {', '.join(sorted({key.role for key in keys}))}"
    with core.db.cursor() as cursor:
        span = event_span(cursor, model, core.now())
    assert span is not None
    return _outside(core, model, asked, (span[0], span[1]))


def _outside(core: Core, model: str, asked: Asked, span: tuple[datetime, datetime]) -> str:
    first, last = (moment.astimezone(core.spec(model).zone).isoformat(timespec="minutes") for moment in span)
    return f"slice {asked.text!r} holds no profiled rows; the log runs from {first} to {last}; `driftdeck run {model}` profiles what is new"
