"""Rows that count less the older they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reference_data.section import parse_duration

if TYPE_CHECKING:
    import pandas as pd


def age_weights(times: pd.DatetimeIndex, half_life: str | None) -> NDArray[np.float64] | None:
    """Return what each of n rows counts, shape (n,), mean 1: half as much for each ``half_life`` that it is older than the latest.

    ``times`` are aware; None without a half-life. Raises :class:`ValueError` for a length that is not understood.
    """
    if half_life is None or not len(times):
        return None
    weights = aged(times, half_life, times.max())
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def aged(times: pd.DatetimeIndex, half_life: str, latest: pd.Timestamp) -> NDArray[np.float64]:
    """Return what each of n rows counts, shape (n,), where a row of ``latest`` counts 1."""
    return np.asarray(np.exp2((times - latest).total_seconds().to_numpy() / parse_duration(half_life).total_seconds()))


@dataclass(slots=True)
class Ageing:
    """Weights by age of rows that come part by part: a first pass adds up what they count, so that their mean becomes 1."""

    half_life: str | None
    latest: pd.Timestamp
    rows: int = 0
    total: float = 0.0

    def add(self, times: pd.DatetimeIndex) -> None:
        """Take note of a part's rows."""
        if self.half_life is not None:
            self.rows, self.total = (
                self.rows + len(times),
                self.total + float(aged(times, self.half_life, self.latest).sum()),
            )

    def weights(self, times: pd.DatetimeIndex) -> NDArray[np.float64] | None:
        """Return what each of a part's rows counts, shape (n,), mean 1 over all parts; None without a half-life."""
        if self.half_life is None:
            return None
        return aged(times, self.half_life, self.latest) * (self.rows / self.total)
