"""Rows that count less the older they are."""

from __future__ import annotations

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
    age = (times.max() - times).total_seconds().to_numpy() / parse_duration(half_life).total_seconds()
    weights = np.exp2(-age)
    return np.asarray(weights / weights.mean(), dtype=np.float64)
