"""What a window is held against: all of the reference, its windows of the same season, or the log's own latest stretch.

This is the one place that chooses. Whatever it chooses is a reference with a calibration, and judged like any other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from monitors.calibration import Calibration, calibrate, calibrate_together
from monitors.drift_null import ENOUGH, recentred
from reference_data.declaration import ModelSpec
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.section import parse_duration
from reference_data.windows import Window, WindowSpec

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What some windows are held against, and what that does by itself.

    Of a rolling baseline the ``inputs`` are the log's; ``outcomes`` stay those of the frozen reference, and so do not share its buckets.
    """

    reference: Reference
    calibration: Calibration


@dataclass(frozen=True, slots=True, eq=False)
class LogBuckets:
    """The log's own inputs on the cells that a reference froze: ascending bucket starts (aware), a leading axis over them.

    ``first`` is where the log begins, which may be earlier than the buckets that were read.
    """

    starts: tuple[datetime, ...]
    inputs: Profile
    first: datetime


def season_of(start: datetime, season: str, zone: ZoneInfo, hours: int = 1) -> int:
    """Return the slot that a window beginning at ``start`` belongs to: weekday (Monday 0), hour, or hour of the week, all local.

    ``hours``: how long a window is, if it is shorter than a day; windows that a change of the clock has put off by an hour keep their slot.
    """
    local = start.astimezone(zone)
    hour = local.hour // hours * hours
    return {"weekday": local.weekday(), "hour": hour, "hour_of_week": 24 * local.weekday() + hour}[season]


_SLOT_SCALES = (1, 2, 4)  # windows of one slot, which are not neighbours


def season_name(slot: int, season: str) -> str:
    """Return a slot in words: "Tuesdays", "14:00", "Tuesdays at 14:00"."""
    day, hour = divmod(slot, 24) if season == "hour_of_week" else (slot, slot)
    words = {"weekday": f"{WEEKDAYS[day % 7]}s", "hour": f"{hour:02d}:00"}
    return words.get(season, f"{WEEKDAYS[day % 7]}s at {hour:02d}:00")


def seasonal_parts(reference: Reference, season: str, window_spec: WindowSpec) -> dict[int, Reference]:
    """Return the reference cut into slots, by the start of the window that each bucket belongs to."""
    zone, hours = ZoneInfo(window_spec.timezone), _hours(window_spec)
    groups: dict[int, list[int]] = {}
    for index, bucket in enumerate(reference.buckets):
        slot = season_of(window_spec.containing(bucket).start, season, zone, hours)
        groups.setdefault(slot, []).append(index)
    return {slot: _part(reference, indices) for slot, indices in sorted(groups.items())}


def _hours(window_spec: WindowSpec) -> int:
    return min(window_spec.length, 24) if window_spec.unit == "h" else 24


def _part(reference: Reference, indices: Sequence[int]) -> Reference:
    rows = np.asarray(indices, dtype=np.intp)
    return replace(
        reference,
        buckets=tuple(reference.buckets[index] for index in indices),
        inputs=reference.inputs[rows],
        outcomes=None if reference.outcomes is None else reference.outcomes[rows],
    )


@dataclass(eq=False)
class Baselines:
    """The baselines of one reference under its model's plan; what is costly is worked out once."""

    spec: ModelSpec
    reference: Reference
    window_spec: WindowSpec

    def groups(self, windows: Sequence[Window], log: LogBuckets | None = None) -> list[tuple[Baseline, list[int]]]:
        """Return the baselines of ``windows``, each with the places of those that it is for.

        ``log``: needed by a rolling plan; windows for which it does not reach back far enough are held against the frozen reference.
        """
        found: dict[int, tuple[Baseline, list[int]]] = {}
        rolled: dict[datetime, Baseline] = {}
        for place, window in enumerate(windows):
            baseline = self._of(window, log, rolled)
            found.setdefault(id(baseline), (baseline, []))[1].append(place)
        return list(found.values())

    def _of(self, window: Window, log: LogBuckets | None, rolled: dict[datetime, Baseline]) -> Baseline:
        plan = self.spec.reference
        if plan.kind == "seasonal":
            slot = season_of(window.start, plan.season, ZoneInfo(self.window_spec.timezone), _hours(self.window_spec))
            return self._seasons.get(slot) or self._without_season(slot)
        return self._rolling(window, log, rolled) if plan.kind == "rolling" else self.whole

    @cached_property
    def whole(self) -> Baseline:
        """All of the reference."""
        return Baseline(self.reference, calibrate(self.spec, self.reference, self.window_spec))

    # -- seasonal ------------------------------------------------------------------------------------------------------
    @cached_property
    def _seasons(self) -> dict[int, Baseline]:
        """The slots with windows enough; natural variation is measured inside of slots and pooled over them."""
        plan = self.spec.reference
        parts = seasonal_parts(self.reference, plan.season, self.window_spec)
        kept = {slot: part for slot, part in parts.items() if self._windows(part) >= ENOUGH}
        if not kept:
            return {}
        among = f"reference windows, each held against the others of its {plan.season.replace('_', ' ')}"
        found = {}
        together = calibrate_together(self.spec, list(kept.values()), self.window_spec)
        for (slot, part), own in zip(kept.items(), together, strict=True):
            held = f"the reference's {self._windows(part)} windows of {season_name(slot, plan.season)}"
            metrics = {**self.whole.calibration.metrics, **own.metrics}
            found[slot] = Baseline(part, replace(own, metrics=metrics, among=among, held=held, held_late=held))
        return found

    def _without_season(self, slot: int) -> Baseline:
        plan = self.spec.reference
        part = seasonal_parts(self.reference, plan.season, self.window_spec).get(slot)
        number = 0 if part is None else self._windows(part)
        count = "no window" if number == 0 else "only 1 window" if number == 1 else f"only {number} windows"
        held = f"all of the reference, for it has {count} of {season_name(slot, plan.season)} ({ENOUGH} are needed)"
        calibration = _at(self.whole.calibration, _SLOT_SCALES, held)
        self._seasons[slot] = Baseline(self.reference, calibration)
        return self._seasons[slot]

    def _windows(self, part: Reference) -> int:
        """Count a part's windows, those with labels if it has any."""
        _, inputs, outcomes = part.windows(self.window_spec)
        return int((inputs.rows > 0).sum() if outcomes is None else (outcomes.rows > 0).sum())

    # -- rolling -------------------------------------------------------------------------------------------------------
    def _rolling(self, window: Window, log: LogBuckets | None, rolled: dict[datetime, Baseline]) -> Baseline:
        cut, since = self.stretch_before(window)
        if cut not in rolled:
            rolled[cut] = self._latest(cut, since, log) or self._not_yet
        return rolled[cut]

    def stretch_before(self, window: Window) -> tuple[datetime, datetime]:
        """Return (end, start) of the stretch that a window is held against under a rolling plan.

        It ends with the last full day before the window, so hourly windows of one day share it, and starts at a local midnight.
        """
        zone = ZoneInfo(self.window_spec.timezone)
        day = window.start.astimezone(zone).date()
        span = parse_duration(self.spec.reference.span)
        ends = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (day, day - timedelta(days=span.days)))
        cut, since = (end.astimezone(window.start.tzinfo) for end in ends)
        return cut, since

    def _latest(self, cut: datetime, since: datetime, log: LogBuckets | None) -> Baseline | None:
        if log is None or log.first > since:
            return None
        first, last = bisect_left(log.starts, since), bisect_left(log.starts, cut)
        latest = replace(
            self.reference,
            period=Window(since, cut),
            buckets=log.starts[first:last],
            inputs=log.inputs[first:last],
            outcomes=None,
        )
        if not latest.buckets or self._windows(latest) < ENOUGH:
            return None
        calibration = replace(
            _recentred(_at(self.whole.calibration, (1,), ""), latest, self.window_spec),
            among=f"reference windows, set about the log of the {self.spec.reference.span} before",
            held=f"the log of the {self.spec.reference.span} before",
            held_late="the frozen reference: what slowly gets worse is worse",
        )
        return Baseline(replace(latest, outcomes=self.reference.outcomes), calibration)

    @cached_property
    def _not_yet(self) -> Baseline:
        held = f"the frozen reference, for the log does not reach {self.spec.reference.span} back yet"
        return Baseline(self.reference, _at(self.whole.calibration, (1,), held))


def _at(calibration: Calibration, scales: tuple[int, ...], held: str) -> Calibration:
    """Return it with no more than these scales, for so few windows before those that are judged are looked at, and what it is held against."""
    inputs, outcomes = (
        None if null is None else replace(null, scales=tuple(scale for scale in null.scales if scale in scales))
        for null in (calibration.inputs, calibration.outcomes)
    )
    assert inputs is not None
    return replace(calibration, inputs=inputs, outcomes=outcomes, held=held, held_late=held)


def _recentred(frozen: Calibration, latest: Reference, window_spec: WindowSpec) -> Calibration:
    """Return the frozen reference's natural variation about what the log has done lately; see :func:`monitors.drift_null.recentred`."""
    kept, windows, _ = latest.windows(window_spec)
    total = latest.inputs.total()
    columns = dict(frozen.columns)
    for name in total.layout.names:
        null, column = frozen.columns[name], total.column(name)
        missing = null.shares.get("missing_share")
        if missing is not None:
            share = float((column.missing + column.nan + column.inf) / max(int(column.rows), 1))
            null = replace(null, shares={**null.shares, "missing_share": replace(missing, mean=share)})
        columns[name] = replace(null, windows=len(kept))
    return replace(
        frozen,
        columns=columns,
        inputs=recentred(frozen.inputs, kept, windows),
        median_rows=float(np.median(windows.rows)),
    )
