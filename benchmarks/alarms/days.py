"""What days do by themselves when nothing is wrong: traffic, jitter, weekdays, memory, heavy tails; and what drift adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Change = Literal["location", "dispersion", "share", "missing", "new_category", "correlation"]
COMMON = 0.8  # part of the variance that all columns have in common, where they have
UNEVEN = 0.5  # sigma of the logarithm of standard deviations, between days or between columns


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the tables: how many rows a day, and how the days vary. Effects are in standard deviations of a feature.

    ``jitter`` and ``weekday``: standard deviations of day effects and of a weekly cycle. ``memory``: autocorrelation from day to day.
    ``weekend``: traffic of Saturday and Sunday, times that of other days. ``traffic``: sigma of its logarithm from day to day.
    ``tails``: of the day effects. ``uneven``: whether their size differs between days or columns (lognormal). ``additive`` and ``bursty``:
    see :class:`benchmarks.alarms.features.Feature`.
    """

    name: str
    rows: int
    jitter: float = 0.0
    weekday: float = 0.0
    memory: float = 0.0
    weekend: float = 1.0
    traffic: float = 0.0
    common: bool = False
    tails: Literal["normal", "t4"] = "normal"
    uneven: Literal["", "days", "columns"] = ""
    columns: int = 20
    additive: bool = False
    bursty: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """A lasting change of one column from day ``start`` of the series on (0: the first after the reference).

    ``size``: ``location`` standard deviations; ``dispersion`` factor - 1; ``share`` points of the second most frequent level
    (0.05 is five points); ``missing`` the new share of missing values; ``new_category`` its share; ``correlation`` ignores it.
    """

    column: str
    change: Change
    size: float
    start: int = 28


def traffic(cell: Cell, rng: np.random.Generator, weekdays: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows a day."""
    rows = cell.rows * np.where(weekdays >= 5, cell.weekend, 1.0)
    if cell.traffic:
        rows = rows * np.exp(cell.traffic * rng.standard_normal(len(weekdays)))
    return np.asarray(np.maximum(np.rint(rows), 1), dtype=np.int64)


def effects(cell: Cell, rng: np.random.Generator, weekdays: NDArray[np.int64], sizes: list[int]) -> list[Values]:
    """Return day effects, one array (days, size) a column, in standard deviations."""
    days, total = len(weekdays), sum(sizes)
    noise = _unit(cell, rng, days, total)
    if cell.common:
        shared = _unit(cell, rng, days, 1) * rng.choice([-1.0, 1.0], total)
        noise = np.sqrt(COMMON) * shared + np.sqrt(1 - COMMON) * noise
    if cell.uneven == "days":
        noise = noise * np.exp(UNEVEN * rng.standard_normal((days, 1)) - UNEVEN**2)
    if cell.uneven == "columns":
        per_column = np.exp(UNEVEN * rng.standard_normal(len(sizes)) - UNEVEN**2)
        noise = noise * np.repeat(per_column, sizes)
    found = cell.jitter * noise
    if cell.weekday:
        cycle = rng.standard_normal((7, total))
        cycle -= cycle.mean(axis=0)
        cycle /= np.sqrt((cycle**2).mean(axis=0))
        found = found + cell.weekday * cycle[weekdays]
    return list(np.split(found, np.cumsum(sizes)[:-1], axis=1))


def _unit(cell: Cell, rng: np.random.Generator, days: int, total: int) -> Values:
    """Return noise of variance one, with the cell's tails and memory."""
    shocks = rng.standard_t(4, (days, total)) / np.sqrt(2) if cell.tails == "t4" else rng.standard_normal((days, total))
    if not cell.memory:
        return np.asarray(shocks)
    for day in range(1, days):
        shocks[day] = cell.memory * shocks[day - 1] + np.sqrt(1 - cell.memory**2) * shocks[day]
    return np.asarray(shocks)
