"""A one-off comparison of two stretches of days: the reference's own days say what is natural, the current ones are a series.

A mean over many days is held against what means over as many days do, and so are its latest stretches: judged as windows of a monitor are
(:mod:`monitors.drift`), at the scale of all current days and at the shorter ones that end with the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from monitors.calibration import calibrate
from monitors.drift import find_drift
from monitors.drift_null import ENOUGH
from monitors.evidence import ShareNull
from reference_data.declaration import ModelSpec
from reference_data.profile import Layout, Profile
from reference_data.reference import Reference
from reference_data.windows import Window, WindowSpec

_DAY = timedelta(days=1)
_LEVEL = 0.001  # of what stands out; the verdict itself is Holm's over the columns


@dataclass(frozen=True, slots=True)
class DayFinding:
    """What the days say of a column: p-value over all of its series and scales, shift in standard deviations over ``scale`` days.

    ``missing`` is the natural variation of its missing values between days, for a mean over the current ones; ``days`` are the
    reference's, ``current`` those of the current side. ``told``: whether its distribution varies enough between rows for days to say anything.
    """

    p: float
    shift: float
    scale: int
    missing: ShareNull
    days: int
    current: int
    told: bool = True


def compare_days(
    reference_days: Sequence[datetime],
    reference: Profile,
    current_days: Sequence[datetime],
    current: Profile,
    tolerance: float,
) -> tuple[Mapping[str, DayFinding], tuple[str, ...]]:
    """Return the findings by column, and notes: with fewer than three days of reference nothing can be said.

    The profiles have a leading axis of days (starts, ascending, aware).
    """
    if len(reference_days) < ENOUGH:
        held = "1 day" if len(reference_days) == 1 else f"{len(reference_days)} days"
        return {}, (f"the reference spans {held}, too few to measure variation between days",)
    if not len(current_days):
        return {}, ("no row of the current data has a time, so its days are not known",)
    buckets = tuple(reference_days)
    spec = WindowSpec.parse("1d")
    period = Window(buckets[0], buckets[-1] + _DAY)
    frozen = Reference("comparison", 1, buckets[0], "comparison", period, buckets, reference, None)
    calibration = calibrate(ModelSpec(name="comparison", task="none", label=None), frozen, spec)
    length = len(current_days)
    scales = sorted({scale for scale in calibration.inputs.scales if scale < length} | {length})
    null = replace(calibration.inputs, scales=tuple(scales))
    windows = [Window(day, day + _DAY) for day in current_days]
    found = find_drift(null, windows, current, _LEVEL, tolerance)
    shrink = 1 / length
    findings = {}
    for place, name in enumerate(found.names):
        column = calibration.columns[name]
        share = column.shares["missing_share"]
        findings[name] = DayFinding(
            p=float(found.p[-1, place]),
            shift=float(found.shift[-1, place]),
            scale=int(found.scale[-1, place]),
            missing=replace(share, tau2=share.tau2 * shrink),
            days=column.windows,
            current=length,
            told=bool(np.any(null.scores.blocks[place])),
        )
    return findings, ()


def side_by_side(daily: Sequence[Profile]) -> Profile:
    """Return the daily profiles of several columns, each on a layout of its own, as one."""
    layout = Layout(tuple(profile.layout.columns[0] for profile in daily))
    counts = np.concatenate([daily[0].counts[:, :1], *(profile.counts[:, 1:] for profile in daily)], axis=1)
    return Profile(layout, counts, np.concatenate([profile.moments for profile in daily], axis=1))
