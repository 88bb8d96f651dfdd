"""Classifiers whose accuracy is known, day by day and by segment: what changes, what it costs, and which labels have come.

Inputs are drawn as :mod:`benchmarks.alarms.generator` draws them; answers that were right are binomial, by segment. A model's accuracy has days of its
own, too: a standard deviation of one point where features jitter by 0.05.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.alarms.days import Cell, Drift
from benchmarks.alarms.generator import REFERENCE_DAYS, make
from reference_data.binning import nominal_bins
from reference_data.declaration import ModelSpec, Monitor
from reference_data.profile import CELLS, BinnedColumn, Layout, Profile
from reference_data.reference import Reference
from reference_data.schema import Column
from reference_data.windows import Window

Labels = Literal["complete", "part", "late"]

ACCURACY, DAYS = 0.85, 0.2  # usual accuracy; standard deviation of its day effects, for a jitter of 1
SEGMENTS = 10  # of equal size
QUIET, CHANGED = 28, 28  # days before a change and with it
PART = 0.6  # of the rows that ever get a label, where that is not all
#: Share of a day's labels that are there at the end of the day, and of each day after it, where they are late.
ARRIVED = (0.2, 0.45, 0.65, 0.8, 0.9, 0.95, 0.98, 1.0)
USED, UNUSED = "normal_a", "normal_gaps"
IMPORTANCE = {USED: 0.6, "normal_b": 0.4, UNUSED: 0.0, "price": 0.0}


@dataclass(frozen=True, slots=True)
class Change:
    """What happens on a day: points of accuracy lost over all rows or in one segment, and a feature that moves with it."""

    words: str
    lost: float = 0.0
    inside: float = 0.0
    drift: tuple[str, str, float] | None = None  # column, kind of change, size

    @property
    def harmful(self) -> bool:
        """Whether it costs three points of accuracy or more over all rows, or twenty in a segment."""
        return self.lost >= 0.03 or self.inside >= 0.2


CHANGES = (
    Change("nothing"),
    Change("an unused feature moves by 1 sd", drift=(UNUSED, "location", 1.0)),
    Change("an unused feature goes missing in 30 % of rows", drift=(UNUSED, "missing", 0.3)),
    Change("a feature moves by 0.5 sd, accuracy rises by 4 points", lost=-0.04, drift=(USED, "location", 0.5)),
    Change("a feature moves by 0.5 sd, accuracy falls by 5 points", lost=0.05, drift=(USED, "location", 0.5)),
    Change("the rule changes, accuracy falls by 3 points", lost=0.03),
    Change("the rule changes, accuracy falls by 5 points", lost=0.05),
    Change("the rule changes, accuracy falls by 10 points", lost=0.10),
    Change("one segment of 10 % loses 20 points", inside=0.20),
)


@dataclass(frozen=True, slots=True, eq=False)
class Harmed:
    """A model with its reference, the days after it, and its answers: right ones and all, (segments, days) with the reference's first."""

    spec: ModelSpec
    reference: Reference
    windows: list[Window]
    inputs: Profile
    right: NDArray[np.int64]
    rows: NDArray[np.int64]
    labels: Labels
    seed: int

    def known(self, day: int | None) -> Profile:
        """Return the outcomes whose labels are there at the end of a day (None: all that ever come): shape (segments, days after)."""
        right, rows = self.right[:, REFERENCE_DAYS:], self.rows[:, REFERENCE_DAYS:]
        if self.labels == "complete" or (self.labels == "late" and day is None):
            return outcomes(right, rows)
        age = np.arange(rows.shape[1])
        there = np.full(rows.shape[1], PART)
        if self.labels == "late" and day is not None:
            late = np.clip(day - age, 0, len(ARRIVED) - 1)
            there = np.where(age <= day, np.asarray(ARRIVED)[late], 0.0)
        rng = np.random.default_rng([self.seed, 77])
        u = rng.random((2, *rows.shape))  # the same rows get their labels first, whatever the day
        part = [np.floor(n * there + v).astype(np.int64) for n, v in zip((right, rows - right), u, strict=True)]
        return outcomes(part[0], part[0] + part[1])


def layout() -> Layout:
    """Return the layout of outcomes: whether an answer was right."""
    return Layout((BinnedColumn(Column("correct", "boolean", "outcome"), nominal_bins(["true", "false"]), "correct"),))


def outcomes(right: NDArray[np.int64], rows: NDArray[np.int64]) -> Profile:
    """Return profiles of so many right answers of all, with their leading axes."""
    profile = layout().empty(*rows.shape)
    profile.counts[..., 0] = rows
    cells = profile.counts[..., layout().count_slice("correct")][..., CELLS:]
    cells[..., 0], cells[..., 1] = right, rows - right
    return profile


def harmed(
    change: Change, rows: int, jitter: float, seed: int, *, labels: Labels = "complete", days: int = QUIET + CHANGED, cell: Cell | None = None
) -> Harmed:  # fmt: skip
    """Make a model in which ``change`` happens after QUIET days (never, where there are no more days)."""
    cell = cell or Cell(f"{rows} rows, jitter {jitter:g}", rows, jitter)
    cell = replace(cell, columns=len(IMPORTANCE))
    drift = None if change.drift is None else Drift(*change.drift, start=QUIET)  # type: ignore[arg-type]
    model = make(cell, seed, days, drift)
    rng = np.random.default_rng([seed, CHANGES.index(change), rows, int(1000 * jitter)])
    every = REFERENCE_DAYS + days
    right = ACCURACY + DAYS * cell.jitter * _effects(cell, rng, every)
    right += DAYS * cell.weekday * np.where(np.arange(every) % 7 >= 5, -1.0, 0.4)
    chance = np.broadcast_to(right, (SEGMENTS, every)).copy()
    chance[:, REFERENCE_DAYS + QUIET :] -= change.lost
    chance[0, REFERENCE_DAYS + QUIET :] -= change.inside
    count = np.stack([rng.multinomial(int(n), np.full(SEGMENTS, 1 / SEGMENTS)) for n in model.rows], axis=1)
    good = rng.binomial(count, np.clip(chance, 0.0, 1.0))
    spec = ModelSpec(
        name="harm", task="binary", features=model.spec.features, positive="yes",
        monitor=Monitor(checks=("jensen_shannon", "missing_share")),
    )  # fmt: skip
    whole = outcomes(good.sum(axis=0)[:REFERENCE_DAYS], count.sum(axis=0)[:REFERENCE_DAYS])
    reference = replace(model.reference, model=spec.name, outcomes=whole)
    return Harmed(spec, reference, model.windows, model.current, good, count, labels, seed)


def _effects(cell: Cell, rng: np.random.Generator, days: int) -> NDArray[np.float64]:
    """Return day effects of unit variance, with the memory and the tails of the cell."""
    drawn = rng.standard_t(4, days) / np.sqrt(2) if cell.tails == "t4" else rng.standard_normal(days)
    for day in range(1, days if cell.memory else 0):
        drawn[day] = cell.memory * drawn[day - 1] + np.sqrt(1 - cell.memory**2) * drawn[day]
    return np.asarray(drawn)
