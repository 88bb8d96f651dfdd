"""L-infinity distance."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import shares, sides
from monitors.checks._chance import ONCE_IN, noise
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def l_infinity(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the largest change of one cell's share, from 0 to 1; NaN where either side has no value in a cell."""
    return np.asarray(np.abs(shares(reference.cells) - shares(current.cells)).max(axis=-1))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return what one of the normally distributed changes exceeds once in a hundred times, at most (Bonferroni)."""
    from scipy import special

    pooled = shares(np.add(*sides(reference, current)))
    deviations = np.sqrt(pooled * (1 - pooled) * noise(reference, current)[..., None])
    low = np.zeros(deviations.shape[:-1])
    high = 40.0 * deviations.max(axis=-1)
    for _ in range(60):  # bisection: the sum of tails falls with the level
        middle = (low + high) / 2
        z = np.divide(middle[..., None], deviations, out=np.full(deviations.shape, np.inf), where=deviations > 0)
        often = 2 * special.ndtr(-z).sum(axis=-1) > ONCE_IN
        low, high = np.where(often, middle, low), np.where(often, high, middle)
    return np.asarray(high)


CHECK = Check(
    name="l_infinity",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="distance",
    direction="higher_is_worse",
    summary="The largest change in the share of any one category or cell.",
    citation="Breck et al. (2019), Data validation for machine learning, MLSys.",
    column_function=l_infinity,
    level_function=level,
    approximate="exact on the reference's cells",
    title="L-infinity distance",
)
