"""Total variation distance."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import shares, sides
from monitors.checks._chance import folded_sum_level, noise
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def total_variation(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return half the sum of the absolute differences of the cell shares, from 0 to 1; NaN where a side has no values."""
    return np.asarray(np.abs(reference.shares - current.shares).sum(axis=-1) / 2)


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level of chance, with the covariances of multinomial shares."""
    pooled = shares(np.add(*sides(reference, current)))
    odds = np.divide(pooled, 1 - pooled, out=np.zeros_like(pooled), where=pooled < 1)
    correlation = -np.sqrt(odds[..., :, None] * odds[..., None, :])
    np.einsum("...ii->...i", correlation)[...] = 1.0
    deviations = np.sqrt(pooled * (1 - pooled)) / 2
    return np.asarray(folded_sum_level(deviations, correlation) * np.sqrt(noise(reference, current)))


CHECK = Check(
    name="total_variation",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="distance",
    direction="higher_is_worse",
    summary="The share of rows that would have to change cells to turn one distribution into the other.",
    citation="Levin, Peres and Wilmer (2017), Markov Chains and Mixing Times, 2nd ed., 4.1.",
    column_function=total_variation,
    level_function=level,
    approximate="exact on the reference's cells; finer ones would only give more",
    title="Total variation distance",
)
