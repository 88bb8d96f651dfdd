"""Verdicts on columns' distributions: the one that decides, and the checks that show the same window in other units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from monitors import explain
from monitors.checks._cells import Values
from monitors.drift import Drift
from monitors.drift_scores import Integers
from monitors.evidence import DISTANCE_OF_SHIFT, ColumnNull, sampling_divergence
from monitors.judge_run import Flags, Run, States, verdicts
from monitors.judge_shares import SHARE_LIMITS, Asked, judge_share
from monitors.reading_blocks import Block, Column, Readings
from monitors.registry import DECIDING, column_checks, column_values
from monitors.types import Check
from monitors.unvaried import never_varied
from reference_data.profile import BinnedColumn, ColumnProfile, Profile


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """What drift there is in the windows that are judged, column by column: arrays (columns, windows), as in :class:`monitors.drift.Drift`."""

    p: Values
    shift: Values
    limit: Values
    ratio: Values
    scale: Integers
    significant: Flags
    material: Flags

    @classmethod
    def of(cls, drift: Drift, judged: Integers) -> Moved:
        every: tuple[Any, ...] = (
            drift.p,
            drift.shift,
            drift.limit,
            drift.ratio,
            drift.scale,
            drift.significant,
            drift.material,
        )
        return cls(*(np.ascontiguousarray(array[judged].T) for array in every))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What the columns of one layout share: the reference as a whole, all windows of the series, and what moved in them.

    ``now``: the windows that are judged.
    """

    total: Profile
    series: Profile
    now: Profile
    drift: Drift
    moved: Moved
    late: bool = False  # it waits for labels
    merged: dict[tuple[int, int], Profile] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    checks: dict[str, dict[str, Check]] = field(default_factory=dict)
    values: dict[tuple[str, str], Values] = field(
        default_factory=dict
    )  # of checks and columns, where all were computed at once

    def of(self, run: Run, name: str) -> Asked:
        """Return what is asked of one column, taken out of the profiles once."""
        if name not in self.asked:
            base, now = self.total.column(name), self.now.column(name)
            states = States(run, base, now, late=self.late)
            series = now if self.series is self.now else self.series.column(name)
            self.asked[name] = Asked(run.calibration.columns[name], base, series, states, now)
        return self.asked[name]

    def checks_of(self, run: Run, entry: BinnedColumn) -> dict[str, Check]:
        """Return the checks of a column; they are the same for all of its kind."""
        kind = entry.bins.kind
        if kind not in self.checks:
            self.checks[kind] = run.checks(column_checks(entry))
        return self.checks[kind]

    def values_of(self, check: Check, base: ColumnProfile, now: ColumnProfile) -> Values:
        """Return a check of a column in the windows that are judged, computed by itself where it was not with all the others."""
        found = self.values.get((check.name, base.entry.column.name))
        return column_values(check, base, now) if found is None else found

    def latest(self, place: int, scale: int) -> Profile:
        """Return the ``scale`` windows up to the one at ``place`` of the series as one, with a leading axis."""
        if (place, scale) not in self.merged:
            total = self.series[max(place - scale + 1, 0) : place + 1].total()
            self.merged[place, scale] = Profile(total.layout, total.counts[None], total.moments[None])
        return self.merged[place, scale]


def judge_columns(run: Run, part: Part, harmful: Mapping[str, Flags]) -> Readings:
    """Judge columns in all windows that are to be judged; whatever goes wrong with one becomes its reading.

    ``harmful``: by the names of the columns, in which windows harm was found beside them.
    """
    shares = _shares(run, part, list(harmful))
    _compute_together(run, part, list(harmful))
    readings = Readings()
    for name, harm in harmful.items():
        readings += _judge_column(run, part, name, harm, shares)
    return readings


def _judge_column(run: Run, part: Part, name: str, harmful: Flags, shares: Mapping[tuple[str, str], Block]) -> Readings:
    try:
        asked = part.of(run, name)
        null, base, now, states = asked.null, asked.base, asked.now, asked.states
        checks = part.checks_of(run, base.entry)
        deciding, drifted, p = _deciding(run, part, checks[DECIDING], null, base, now, states, harmful)
        readings = Readings([deciding])
        for check in checks.values():
            if check.name in SHARE_LIMITS:
                found = shares.get((check.name, name))
                readings += found or judge_share(run, check, [asked])[0]
            elif check.name != DECIDING:
                readings += _beside(run, check, asked, part.values_of(check, base, now), p, drifted)
        return readings
    except Exception as error:
        words = f"{name} could not be judged: {error}"
        blank = replace(
            run.blank, check=DECIDING, column=name, verdict="error", error=words, sentence=words, unit="distance"
        )
        return Readings([[replace(blank, window=window) for window in run.windows]])


def _shares(run: Run, part: Part, names: Sequence[str]) -> dict[tuple[str, str], Block]:
    """Return the readings of all columns' shares by check and column; none where one column's fail, for then each is judged alone."""
    asked: dict[str, list[Asked]] = {}
    checks: dict[str, Check] = {}
    try:
        for name in names:
            own = part.of(run, name)
            for check in part.checks_of(run, own.base.entry).values():
                if check.name in SHARE_LIMITS:
                    checks[check.name] = check
                    asked.setdefault(check.name, []).append(own)
        return {
            (check, str(block.column)): block
            for check, columns in asked.items()
            for block in judge_share(run, checks[check], columns)
        }
    except Exception:
        return {}


def _compute_together(run: Run, part: Part, names: Sequence[str]) -> None:
    """Compute the checks that are faster on all columns at once; if one column's fails, each is computed alone."""
    columns: dict[str, list[str]] = {}
    checks: dict[str, Check] = {}
    try:
        for name in names:
            for check in part.checks_of(run, part.of(run, name).base.entry).values():
                if check.columns_function is not None:
                    checks[check.name] = check
                    columns.setdefault(check.name, []).append(name)
        for check in checks.values():
            assert check.columns_function is not None
            own = [part.of(run, name) for name in columns[check.name]]
            found = check.columns_function([one.base for one in own], [one.now for one in own])
            part.values.update(zip(((check.name, name) for name in columns[check.name]), found, strict=True))
    except Exception:
        part.values.clear()


def _deciding(
    run: Run,
    part: Part,
    check: Check,
    null: ColumnNull,
    base: ColumnProfile,
    now: ColumnProfile,
    states: States,
    harmful: Flags,
) -> tuple[Block, Flags, Values]:
    """Return the reading that carries the column's verdict, where it drifted, and how unlikely it is.

    Its value is the distance over the windows that decided, one unless the column drifted over more. The threshold is the distance of
    the smallest shift that would show, so it is steady over windows alike; where shape and shift disagree it gives way to the verdict.
    """
    name = base.entry.column.name
    drift, moved_by, column = part.drift, part.moved, part.drift.names.index(name)
    judged = states.values_judged
    p, shift, limit, ratio = (array[column] for array in (moved_by.p, moved_by.shift, moved_by.limit, moved_by.ratio))
    significant, material = judged & moved_by.significant[column], judged & moved_by.material[column]
    drifted = significant & material
    scale = np.where(drifted, moved_by.scale[column], 1)
    value, n = part.values_of(check, base, now).copy(), now.valid.copy()
    chance = sampling_divergence(base.cells, now.valid, base.valid)
    words: dict[int, str] = {}
    for i in np.flatnonzero(drifted).tolist():
        latest = now_at = part.latest(int(run.judged[i]), int(scale[i])).column(name)
        if scale[i] > 1:
            value[i], n[i] = column_values(check, base, latest)[0], latest.valid[0]
            chance[i] = sampling_divergence(base.cells, latest.valid, base.valid)[0]
        what = drift.moved(int(run.judged[i]), column)
        groups = drift.null.scores.groups[column]
        moved = explain.moved(base, now_at, what, groups, float(shift[i]))
        words[i] = (
            explain.varied(moved, name, run.importance.get(name))
            if never_varied(base)
            else explain.drifted(
                moved, float(shift[i]), float(limit[i]), int(scale[i]), run.unit, run.importance.get(name)
            )
        )
    tolerance = run.spec.monitor.tolerance
    threshold = np.where(judged, thresholds(value, chance, shift, limit, ratio, drifted, tolerance), np.nan)

    def sentence(i: int) -> str:
        if states.by_value[i] is not None:
            return states.sentence(i, int(now.valid[i]))
        if drifted[i]:
            return words[i]
        return explain.steady(name, float(shift[i]), float(limit[i]), significant=bool(significant[i]))

    low, high = null.bands[check.name]
    fields: dict[str, Column] = {
        "value": value,
        "reference_value": np.fmin(np.sqrt(chance), value),
        "threshold": threshold,
        "lower": low,
        "upper": high,
        "p_value": p,
        "effect": np.abs(shift),
        "n_reference": int(base.valid),
        "verdict": verdicts(states.by_value, drifted, "drift"),
        "significant": significant,
        "material": material,
        "harmful": drifted & harmful,
        "scale": scale,
    }
    return run.readings(check, name, n, fields, sentence), drifted, p


_CLEARLY = 1.02  # times that value and threshold are apart at least, on either side
_FARTHEST = 2.0  # times that a threshold gives way at most


def thresholds(
    value: Values, chance: Values, shift: Values, limit: Values, ratio: Values, drifted: Flags, tolerance: float
) -> Values:
    """Return the distance of the smallest shift that would show at the deciding scale; value > threshold <=> drifted.

    ``chance`` is the squared distance that sampling gives by itself, ``ratio`` how many times its critical value the evidence is.
    Where shape and shift disagree the threshold gives way by as much as the evidence is beyond its limit, or short of it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        smallest = np.where(drifted, np.fmax(np.abs(shift) / ratio, tolerance), limit)
        short = np.fmax(1 / ratio, tolerance / np.abs(shift))
    usual = np.minimum(np.sqrt(chance + DISTANCE_OF_SHIFT * np.where(np.isnan(smallest), 0.0, smallest) ** 2), 1.0)
    below = value / np.fmax(ratio, _CLEARLY)
    above = np.minimum(value * np.minimum(np.fmax(short, _CLEARLY), _FARTHEST), 1.0)
    held = np.where(drifted, np.where(usual * _CLEARLY < value, usual, below), np.where(value < usual, usual, above))
    return np.asarray(np.where(np.isnan(value), np.nan, held))


def _beside(run: Run, check: Check, asked: Asked, value: Values, p: Values, drifted: Flags) -> Block:
    """Return a check that shows the same window in another unit: it flags only where the column drifted as well."""
    base, states = asked.base, asked.states
    low, high = asked.null.bands[check.name]
    if check.direction == "both":
        beyond, threshold = drifted & ~((value >= low) & (value <= high)), high
    elif check.direction == "lower_is_worse":
        beyond, threshold = drifted & ~(value >= low), low
    else:
        beyond, threshold = drifted & ~(value <= high), high
    name, values = base.entry.column.name, value.tolist()
    usual: list[str] = []  # most readings are never put into words

    def sentence(i: int) -> str:
        if states.by_value[i] is not None:
            return states.sentence(i, int(states.n[i]))
        if not usual:
            usual.append(explain.usual_band(check, low, high))
        return explain.measured(check, name, values[i], usual[0])

    fields: dict[str, Column] = {
        "value": values,
        "threshold": threshold,
        "lower": low,
        "upper": high,
        "p_value": p,
        "effect": values,
        "n_reference": int(base.valid),
        "verdict": verdicts(states.by_value, beyond, "drift"),
        "significant": drifted,
        "material": beyond,
    }
    return run.readings(check, name, states.n, fields, sentence)
