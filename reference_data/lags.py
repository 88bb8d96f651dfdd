"""How long labels take: counts of lags on fixed cells, which add up, and what they let expect of a window's age."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_OCTAVE = 8  # cells for each doubling: a quantile is off by a few per cent at most
_OCTAVES = 30  # 2**30 seconds are 34 years
SIZE = 1 + _OCTAVE * _OCTAVES + 1  # up to a second, then the cells, then whatever is longer
#: Upper ends of the cells in seconds; the last cell has none.
EDGES: NDArray[np.float64] = np.append(2.0 ** (np.arange(SIZE - 1) / _OCTAVE), np.inf)
Counts = NDArray[np.int64]


def cell_sql(seconds: str) -> str:
    """Return the SQL of the cell of a lag, given as the SQL of its seconds; a label before its event has lag 0."""
    return f"CASE WHEN {seconds} <= 1 THEN 0 ELSE least({SIZE - 1}, ceil({_OCTAVE} * log2({seconds}))::INTEGER) END"


def cell(seconds: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the cell of each lag."""
    return np.searchsorted(EDGES, seconds, side="left")


def quantile(counts: Counts, share: float) -> float | None:
    """Return a quantile of lags in seconds, None without any; inside a cell evenly spread on the scale of logarithms."""
    total = int(counts.sum())
    if not total:
        return None
    cumulative = np.cumsum(counts)
    place = int(np.searchsorted(cumulative, share * total, side="left"))
    place = min(max(place, int(np.flatnonzero(counts)[0])), int(np.flatnonzero(counts)[-1]))
    if place == 0:
        return float(share * total / counts[0])
    low = float(EDGES[place - 1])
    if place == SIZE - 1:
        return low
    inside = (share * total - (cumulative[place] - counts[place])) / counts[place]
    return low * math.pow(float(EDGES[place]) / low, min(1.0, max(0.0, inside)))


class Arrivals:
    """The share of rows that have their label at a given age, from rows of which many are still waiting.

    The life-table form of the product-limit estimate (Cutler and Ederer 1958; Kaplan and Meier 1958): of the rows whose wait reached
    a cell, less half of those whose observation ends in it, the share labelled in it is one factor,
    ``F(t) = 1 - prod(1 - d_k / (n_k - c_k / 2))`` over the cells up to ``t``. A row that waits is a lag known only to exceed its age.
    """

    def __init__(self, labelled: Counts, waiting: Counts) -> None:
        """``labelled``: rows by lag, ``waiting``: unlabelled rows by age; both on the cells."""
        everyone = labelled + waiting
        reached = np.cumsum(everyone[::-1])[::-1]
        exposed = reached - waiting / 2
        factors = np.where(exposed > 0, 1 - labelled / np.maximum(exposed, 0.5), 1.0)
        self._share = 1 - np.cumprod(np.clip(factors, 0.0, 1.0))
        self.rows = int(everyone.sum())

    @property
    def final(self) -> float:
        """The share that gets a label at all, as far as can be seen."""
        return float(self._share[-1])

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share labelled at each age; inside a cell on a straight line over the logarithm."""
        edges, shares = np.log2(EDGES[:-1]), self._share[:-1]
        ages = np.log2(np.maximum(seconds, 1.0))
        return np.where(seconds < 0, 0.0, np.interp(ages, edges, shares))


def hours(seconds: float | None) -> float | None:
    """Return seconds as hours."""
    return None if seconds is None or math.isinf(seconds) else seconds / 3600
