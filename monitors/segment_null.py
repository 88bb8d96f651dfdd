"""What the segments of a reference do by themselves: every column of every segment as one column of a wide profile.

So all of them are measured, and later judged, in one vectorised step, and a segment of few rows borrows from the others what it cannot
tell of its own variation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from monitors.baseline import season_of
from monitors.checks._cells import Values
from monitors.drift_null import DriftNull, measure
from monitors.evidence import ShareNull
from reference_data.declaration import ModelSpec
from reference_data.profile import BinnedColumn, ColumnProfile, Layout, Profile
from reference_data.reference import Reference
from reference_data.segments import Segments
from reference_data.windows import Window, WindowSpec

ENOUGH = 3  # reference windows of a season from which it is held against itself
_PRIOR_FREEDOM = 30.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One column inside one segment: its name, the declared segment, its place in profiles of all segments, the column's name."""

    segment: str
    space: str
    place: int
    column: str


@dataclass(frozen=True, eq=False)
class SegmentNull:
    """What the pairs of a reference do by themselves. ``total``: the reference's profile of each segment, shape (segments,).

    ``nulls``: by slot of the season (one slot, 0, where a reference is held against as a whole). ``shares``: the natural variation of
    each pair's missing share.
    """

    segments: tuple[str, ...]
    total: Profile
    pairs: tuple[Pair, ...]
    nulls: Mapping[int, DriftNull]
    shares: tuple[ShareNull, ...]
    season: str | None
    window_spec: WindowSpec

    def slot(self, window: Window) -> int:
        """Return the slot that a window belongs to; 0 where there is none of its own."""
        slot = 0 if self.season is None else _slot(window, self.season, self.window_spec)
        return slot if slot in self.nulls else 0

    def wide(self, profile: Profile) -> Profile:
        """Return a profile of shape (segments, windows) with one column a pair, of shape (windows,)."""
        return _wide(self.pairs, profile)


def learn(spec: ModelSpec, reference: Reference, segments: Segments, window_spec: WindowSpec) -> SegmentNull | None:
    """Measure natural variation inside the declared segments; None when none of them has rows enough to be judged.

    ``segments``: shape (segments, buckets) over the buckets of ``reference``, or over a single one where rows had no times. A segment
    with fewer than ``min_rows`` rows in all of the reference is left out, and so is inside a segment the column that makes it.
    """
    profile = segments.profile(reference.inputs.layout)
    total = _swapped(profile).total()
    declared = {*spec.segments}
    known = {*spec.features, *spec.context, "prediction", "score"}
    names = [name for name in total.layout.names if name in known]
    pairs = tuple(
        Pair(space.text(code), space.name, place, name)
        for place, (space, code) in enumerate(segments.members)
        if space.name in declared and total.rows[place] >= spec.monitor.min_rows
        for name in names
        if name not in {cut.column for cut in space.cuts}
    )
    if not pairs:
        return None
    windows, by_window = _windows(reference, profile, window_spec)
    wide = _wide(pairs, by_window)
    plan = spec.reference
    season = plan.season if plan.kind == "seasonal" else None
    with np.errstate(divide="ignore", invalid="ignore"):  # a column may be constant inside a segment
        nulls = {0: measure([(windows, wide)], wide.layout.names, window_spec)[0]}
        if season is not None:
            nulls = _seasons(windows, wide, season, window_spec) | nulls
    shares = tuple(_share_null(by_window[pair.place].column(pair.column)) for pair in pairs)
    return SegmentNull(segments.names, total, pairs, nulls, shares, season, window_spec)


def _slot(window: Window, season: str, window_spec: WindowSpec) -> int:
    hours = min(window_spec.length, 24) if window_spec.unit == "h" else 24
    return 1 + season_of(window.start, season, ZoneInfo(window_spec.timezone), hours)


def _seasons(windows: Sequence[Window], wide: Profile, season: str, window_spec: WindowSpec) -> dict[int, DriftNull]:
    slots: dict[int, list[int]] = {}
    for place, window in enumerate(windows):
        slots.setdefault(_slot(window, season, window_spec), []).append(place)
    kept = {slot: places for slot, places in slots.items() if len(places) >= ENOUGH}
    if not kept:
        return {}
    parts = [([windows[place] for place in places], wide[np.asarray(places)]) for places in kept.values()]
    return dict(zip(kept, measure(parts, wide.layout.names, window_spec), strict=True))


def _windows(reference: Reference, profile: Profile, window_spec: WindowSpec) -> tuple[list[Window], Profile]:
    """Merge buckets to the reference's whole windows: shape (segments, windows)."""
    if profile.rows.shape[1] != len(reference.buckets):
        return [reference.period], profile
    kept = reference.windows(window_spec)[0]
    groups: dict[Window, list[int]] = {}
    for index, bucket in enumerate(reference.buckets):
        groups.setdefault(window_spec.containing(bucket), []).append(index)
    across = _swapped(profile)
    parts = [across[np.asarray(groups[window])].total() for window in kept]
    return kept, Profile(
        profile.layout, np.stack([p.counts for p in parts], axis=1), np.stack([p.moments for p in parts], axis=1)
    )


def _swapped(profile: Profile) -> Profile:
    return Profile(profile.layout, profile.counts.swapaxes(0, 1), profile.moments.swapaxes(0, 1))


def _wide(pairs: Sequence[Pair], profile: Profile) -> Profile:
    """Put the columns of the pairs side by side; its ``rows`` mean nothing, for every segment has its own."""
    fine = profile.layout
    entries: list[BinnedColumn] = []
    counts: list[NDArray[np.int64]] = [profile.counts[0, :, :1]] if len(profile.counts) else []
    moments: list[Values] = [profile.moments[0, :, :0]] if len(profile.moments) else []
    places = {name: (fine.entry(name), fine.count_slice(name), fine.moment_slice(name)) for name in fine.names}
    for pair in pairs:
        entry, where, at = places[pair.column]
        bins = replace(entry.bins, known=())  # what was listed was chosen by all rows, not by this segment's
        entries.append(replace(entry, column=replace(entry.column, name=f"{pair.place}\n{pair.column}"), bins=bins))
        counts.append(profile.counts[pair.place, :, where])
        if at is not None:
            moments.append(profile.moments[pair.place, :, at])
    return Profile(Layout(tuple(entries)), np.concatenate(counts, axis=1), np.concatenate(moments, axis=1))


def missing_share(column: ColumnProfile) -> Values:
    """Return the share of rows without a usable value, 0 without rows."""
    lost = (column.missing + column.nan + column.inf).astype(np.float64)
    return np.asarray(lost / np.maximum(column.rows, 1))


def _share_null(column: ColumnProfile) -> ShareNull:
    """Return the missing share over a reference's windows, and its variance between windows beyond sampling."""
    held = column.rows > 0
    n, share = column.rows[held].astype(np.float64), missing_share(column)[held]
    mean = float((n * share).sum() / max(n.sum(), 1.0))
    if len(n) < ENOUGH:
        return ShareNull(mean, 0.0, _PRIOR_FREEDOM)
    between = float((n * (share - mean) ** 2).sum()) / (len(n) - 1)
    tau2 = max(between - mean * (1 - mean), 0.0) * float((1 / n).mean())
    return ShareNull(mean, tau2, float(len(n) - 1) if tau2 > 0 else _PRIOR_FREEDOM)
