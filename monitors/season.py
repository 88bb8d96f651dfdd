"""Cycles that belong to natural variation: the weekday of daily windows, the hour and the weekday of shorter ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values
from reference_data.windows import Window, WindowSpec

Cycle = Literal["hour", "weekday"]
Flags = NDArray[np.bool_]

_SURE = 0.01  # p-value of a cycle over all series, or of one of them times their number
_TURNS = 2  # times that the reference must have seen each slot of a cycle


@dataclass(frozen=True, slots=True)
class Season:
    """The cycles taken out of a model's statistics; the parameters are a constant and one for each slot of a cycle."""

    cycles: tuple[Cycle, ...]
    timezone: str
    hours: int  # length of a window, if it is shorter than a day

    @classmethod
    def none(cls, window_spec: WindowSpec) -> Season:
        """Return the season of no cycles."""
        return cls((), window_spec.timezone, window_spec.length if window_spec.unit == "h" else 24)

    def design(self, windows: Sequence[Window]) -> Values:
        """Return the linear model's matrix (windows, parameters)."""
        constant = np.ones((len(windows), 1))
        if not self.cycles or not windows:
            return constant if windows else np.ones((0, 1 + sum(self._slots(cycle) for cycle in self.cycles)))
        zone = ZoneInfo(self.timezone)
        local = [window.start.astimezone(zone) for window in windows]
        parts = [constant]
        for cycle in self.cycles:
            slot = [t.weekday() if cycle == "weekday" else t.hour // self.hours for t in local]
            parts.append(np.eye(self._slots(cycle))[slot])
        return np.concatenate(parts, axis=1)

    def slots(self, windows: Sequence[Window]) -> NDArray[np.int64]:
        """Return the slot of the first cycle that each window belongs to, 0 without one."""
        if not self.cycles:
            return np.zeros(len(windows), dtype=np.int64)
        design = self.design(windows)
        return np.asarray(design[:, 1 : 1 + self._slots(self.cycles[0])].argmax(axis=1), dtype=np.int64)

    def _slots(self, cycle: Cycle) -> int:
        return 7 if cycle == "weekday" else -(-24 // self.hours)


def choose_season(window_spec: WindowSpec, windows: Sequence[Window], x: Values, held: Flags) -> Season:
    """Return the cycles that the reference's windows show, by an F test of each, pooled over the series of ``x`` (Fisher).

    ``x`` is (windows, series), ``held`` where it counts. A cycle needs two turns of the reference at least, and as many windows again
    as it has slots.
    """
    season = Season.none(window_spec)
    if not x.size or window_spec.unit == "w" or (window_spec.unit == "d" and window_spec.length > 1):
        return season
    if window_spec.unit == "h" and (window_spec.length >= 24 or 24 % window_spec.length):
        return season
    days = len(windows) * (window_spec.length / 24 if window_spec.unit == "h" else 1)
    candidates: list[Cycle] = ["hour"] if window_spec.unit == "h" and days >= _TURNS else []
    candidates += ["weekday"] if days >= 7 * _TURNS else []
    for cycle in candidates:
        wider = Season((*season.cycles, cycle), season.timezone, season.hours)
        if _shown(season.design(windows), wider.design(windows), x, held):
            season = wider
    return season


def _shown(narrow: Values, wide: Values, x: Values, held: Flags) -> bool:
    ranks = [int(np.linalg.matrix_rank(design)) for design in (narrow, wide)]
    left = [np.where(held, x - design @ least_squares(design, x, held), 0.0) for design in (narrow, wide)]
    before, after = ((part**2).sum(axis=0) for part in left)
    freedom = held.sum(axis=0) - ranks[1]
    able = (freedom >= ranks[1]) & (after > 1e-12)
    if not able.any() or ranks[1] == ranks[0]:
        return False
    more = ranks[1] - ranks[0]
    f = ((before - after)[able] / more) / (after[able] / freedom[able])
    p = np.maximum(special.fdtrc(more, freedom[able], np.maximum(f, 0.0)), 1e-300)
    return bool(p.min() * len(p) < _SURE or special.chdtrc(2 * len(p), -2 * np.log(p).sum()) < _SURE)


def least_squares(design: Values, x: Values, held: Flags) -> Values:
    """Return the parameters (parameters, series) that fit ``x`` best where ``held``, the shortest of them."""
    if held.all():
        return np.asarray(np.linalg.pinv(design) @ x)
    beta = np.zeros((design.shape[1], x.shape[1]))
    patterns, which = np.unique(held, axis=1, return_inverse=True)
    for place in range(patterns.shape[1]):
        rows, ours = patterns[:, place], np.ravel(which) == place
        if rows.any():
            beta[:, ours] = np.linalg.pinv(design[rows]) @ x[np.ix_(rows, ours)]
    return beta
