"""Verdicts inside segments: each column of each declared segment against the same segment of the reference.

They raise notices only, and share one level between them (Bonferroni over segments and columns): so many segments may be declared
without more false notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitors import explain
from monitors.calibration import windows_per_year
from monitors.checks._cells import Values
from monitors.checks.jensen_shannon import jensen_shannon
from monitors.drift import Drift, find_drift
from monitors.evidence import sampling_divergence, share_p_values
from monitors.judge_columns import thresholds
from monitors.registry import DECIDING
from monitors.segment_null import SegmentNull, missing_share
from monitors.types import Reading, Verdict
from reference_data.declaration import ModelSpec
from reference_data.profile import Profile
from reference_data.windows import Window

NOTICES_PER_YEAR = 2.0  # false ones that all segments of a model together may raise
SPENT = (
    0.3  # of these; by simulation, segments of few rows with day effects of their own use up three times their level
)
LARGEST_LEVEL = 0.02  # however few windows a year has
DRIFT_SHARE = 0.8  # of the level goes to distributions, the rest to missing values
MISSING_LIMIT = 0.05  # by which a missing share may change before it matters
MISSING = "missing_share"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found in the windows of one slot; ``at`` is the place in it of each window of the series."""

    drift: Drift
    at: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentDrift:
    """What was found in some windows: arrays (windows, pairs) in the order of the null's pairs.

    ``shift`` is in standard deviations of the segment's rows in the reference, over the latest ``scale`` windows. ``p`` is held against
    ``level``, ``missing_p`` against ``missing_level``. ``n`` counts values, ``rows`` rows of the segment in the window.
    """

    spec: ModelSpec
    null: SegmentNull
    windows: Sequence[Window]
    series: Profile
    places: NDArray[np.int64]  # of the windows in the series
    slots: NDArray[np.int64]  # of the season, for each window of the series
    drifts: Mapping[int, Found]  # by slot
    limit: Values
    p: Values
    level: float
    shift: Values
    scale: NDArray[np.int64]
    drifted: NDArray[np.bool_]
    n: NDArray[np.int64]
    rows: NDArray[np.int64]
    missing: Values
    missing_p: Values
    missing_level: float
    lost: NDArray[np.bool_]


def judge_segments(
    spec: ModelSpec,
    null: SegmentNull,
    windows: Sequence[Window],
    series: Profile,
    judged: Sequence[int] | None = None,
) -> SegmentDrift:
    """Judge every column of every segment, in all windows at once.

    ``windows``: consecutive ones, with those before the ones that matter, so that small lasting changes show; ``series``: their profiles
    by segment, shape (segments, windows), the segments as the null has them. ``judged``: places of the windows to be returned (all of
    them by default).
    """
    places = np.arange(len(windows)) if judged is None else np.asarray(judged, dtype=np.int64)
    family = min(SPENT * NOTICES_PER_YEAR / windows_per_year(null.window_spec), LARGEST_LEVEL)
    level = DRIFT_SHARE * family / len(null.pairs)
    shape = (len(windows), len(null.pairs))
    p, shift, scale = np.full(shape, np.nan), np.full(shape, np.nan), np.ones(shape, dtype=np.int64)
    drifted, limit = np.zeros(shape, dtype=bool), np.full(shape, np.nan)
    drifts: dict[int, Found] = {}
    wide = null.wide(series)
    slots = np.asarray([null.slot(window) for window in windows], dtype=np.int64)
    for slot in np.unique(slots):
        own = np.flatnonzero(slots == slot)
        with np.errstate(divide="ignore", invalid="ignore"):  # a column may be constant inside a segment
            found = find_drift(
                null.nulls[int(slot)],
                [windows[int(place)] for place in own],
                wide[own],
                level,
                spec.monitor.tolerance,
                spec.monitor.min_rows,
            )
        p[own], shift[own], scale[own], drifted[own] = found.p, found.shift, found.scale, found.drifted
        limit[own] = found.limit
        at = np.full(len(windows), -1, dtype=np.int64)
        at[own] = np.arange(len(own))
        drifts[int(slot)] = Found(found, at)
    missing_level = (1 - DRIFT_SHARE) * family / len(null.pairs)
    shares, missing_p, lost, n, rows = _missing(null, spec, series, places, missing_level)
    return SegmentDrift(
        spec, null, [windows[int(place)] for place in places], series, places, slots, drifts, limit[places], p[places], level,
        shift[places], scale[places], drifted[places], n, rows, shares, missing_p, missing_level, lost,
    )  # fmt: skip


def _missing(
    null: SegmentNull, spec: ModelSpec, series: Profile, places: NDArray[np.int64], level: float
) -> tuple[Values, Values, NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Judge the share of missing values of each pair, by a test of its own; also returns values and rows."""
    shape = (len(places), len(null.pairs))
    shares, p = np.full(shape, np.nan), np.full(shape, np.nan)
    lost = np.zeros(shape, dtype=bool)
    n, rows = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    latest = series[:, places]
    columns = {name: latest.column(name) for name in {pair.column for pair in null.pairs}}
    share = {name: missing_share(column) for name, column in columns.items()}
    valid = {name: column.valid for name, column in columns.items()}
    for place, (pair, usual) in enumerate(zip(null.pairs, null.shares, strict=True)):
        shares[:, place], n[:, place] = share[pair.column][pair.place], valid[pair.column][pair.place]
        rows[:, place] = latest.rows[pair.place]
        enough = rows[:, place] >= spec.monitor.min_rows
        if not enough.any():
            continue
        reference = float(null.total.rows[pair.place])
        own = share_p_values(usual, shares[:, place], rows[:, place], reference, max(len(null.total.rows), 1))
        p[:, place] = np.where(enough, own, np.nan)
        lost[:, place] = enough & (own < level) & (np.abs(shares[:, place] - usual.mean) > MISSING_LIMIT)
    return shares, p, lost, n, rows


# -- what is said of it ------------------------------------------------------------------------------------------------
def found_readings(drift: SegmentDrift, blank: Reading, *, inside: str | None = None) -> Iterator[Reading]:
    """Yield the readings of what is not as in the reference, or of everything ``inside`` one segment.

    They are of the deciding check, and of the missing share; ``blank`` has what all readings share.
    """
    ours = [j for j, pair in enumerate(drift.null.pairs) if pair.segment == inside]
    for i in range(len(drift.windows)):
        wanted = ours if inside is not None else np.flatnonzero(drift.drifted[i] | drift.lost[i]).tolist()
        for j in wanted:
            if inside is not None or drift.drifted[i, j]:
                yield drift_reading(drift, i, j, blank)
            if inside is not None or drift.lost[i, j]:
                yield missing_reading(drift, i, j, blank)


def drift_reading(drift: SegmentDrift, i: int, j: int, blank: Reading) -> Reading:
    """Return the reading that carries the verdict on column and segment ``j`` in window ``i``.

    Its value is the distance over the windows that decided. The threshold is the distance of the smallest shift that would show in one
    window, and gives way to the verdict where shape and shift disagree; see :mod:`monitors.judge_columns`.
    """
    pair, shift, limit = drift.null.pairs[j], float(drift.shift[i, j]), float(drift.limit[i, j])
    base, now = two_sides(drift, i, j)
    reference = base.column(pair.column)
    current = Profile(now.layout, now.counts[None], now.moments[None]).column(pair.column)
    value = float(jensen_shannon(reference, current)[0])
    chance = float(sampling_divergence(reference.cells, current.valid, np.asarray(reference.valid))[0])
    drifted = bool(drift.drifted[i, j])
    threshold = _threshold(drift, i, j, value, chance)
    verdict: Verdict = "drift" if drifted else "ok"
    if np.isnan(drift.p[i, j]):
        verdict = "no_data" if drift.rows[i, j] == 0 else "insufficient"
    significant = bool(drift.p[i, j] < drift.level)
    words = explain.steady(pair.column, shift, limit, significant=significant)
    if drifted:
        found, column, place = drift.drifts[int(drift.slots[drift.places[i]])], j, drift.places[i]
        what = found.drift.moved(int(found.at[place]), column)
        moved = explain.moved(reference, current, what, found.drift.null.scores.groups[column], shift)
        words = explain.drifted(moved, shift, limit, int(drift.scale[i, j]), "windows", None)
    elif verdict != "ok":
        words = explain.too_few(int(drift.n[i, j]), drift.spec.monitor.min_rows, pair.column)
    return replace(
        blank, check=DECIDING, scope="column", column=pair.column, segment=pair.segment, window=drift.windows[i],
        value=value, reference_value=min(float(np.sqrt(chance)), value), threshold=threshold, p_value=float(drift.p[i, j]),
        effect=abs(shift), n=int(drift.n[i, j]), n_reference=int(reference.valid), verdict=verdict, significant=significant,
        material=abs(shift) > drift.spec.monitor.tolerance, unit="distance", scale=int(drift.scale[i, j]) if drifted else 1,
        sentence=f"In {pair.segment}: {words}",
    )  # fmt: skip


def _threshold(drift: SegmentDrift, i: int, j: int, value: float, chance: float) -> float:
    """Return the threshold of one reading as columns have it; NaN where the segment could not be judged."""
    if np.isnan(drift.p[i, j]):
        return float("nan")
    found = drift.drifts[int(drift.slots[drift.places[i]])]
    ratio = found.drift.ratio[int(found.at[drift.places[i]]), j]
    one, noise, shift, limit, surprise, drifted = (
        np.asarray([part]) for part in (value, chance, drift.shift[i, j], drift.limit[i, j], ratio, drift.drifted[i, j])
    )
    tolerance = drift.spec.monitor.tolerance
    return float(thresholds(one, noise, shift, limit, surprise, drifted, tolerance)[0])


def missing_reading(drift: SegmentDrift, i: int, j: int, blank: Reading) -> Reading:
    """Return the reading of the missing share of column and segment ``j`` in window ``i``."""
    pair, usual = drift.null.pairs[j], drift.null.shares[j].mean
    value, n = float(drift.missing[i, j]), int(drift.rows[i, j])
    verdict: Verdict = "warning" if drift.lost[i, j] else "ok"
    if np.isnan(drift.missing_p[i, j]):
        verdict = "no_data" if n == 0 else "insufficient"
    words = explain.share(MISSING, pair.column, value, usual, broken=bool(drift.lost[i, j]))
    return replace(
        blank, check=MISSING, scope="column", column=pair.column, segment=pair.segment, window=drift.windows[i],
        value=value, reference_value=usual, threshold=usual + MISSING_LIMIT, p_value=float(drift.missing_p[i, j]),
        effect=abs(value - usual), n=n, n_reference=int(drift.null.total.rows[pair.place]), verdict=verdict,
        significant=bool(drift.missing_p[i, j] < drift.missing_level), material=abs(value - usual) > MISSING_LIMIT,
        unit="share", sentence=f"In {pair.segment}: {words}",
    )  # fmt: skip


def beyond(drift: SegmentDrift) -> Values:
    """Return how far beyond the limits each finding is, to rank them: above 1 where it drifted; shape (windows, pairs)."""
    tolerance = drift.spec.monitor.tolerance
    surprise = np.sqrt(np.log(np.clip(drift.p, 1e-300, 1.0)) / np.log(drift.level))
    material = np.abs(drift.shift) / tolerance if tolerance > 0 else np.full(drift.p.shape, np.inf)
    return np.asarray(np.nan_to_num(np.minimum(surprise, material), nan=-1.0))


def two_sides(drift: SegmentDrift, i: int, j: int) -> tuple[Profile, Profile]:
    """Return the profiles of a segment in the reference, and in the windows that a finding is about (without leading axes)."""
    pair = drift.null.pairs[j]
    last = int(drift.places[i])
    alike = np.flatnonzero(drift.slots[: last + 1] == drift.slots[last])
    scale = int(drift.scale[i, j]) if drift.drifted[i, j] else 1
    return drift.null.total[pair.place], drift.series[pair.place][alike[-scale:]].total()
