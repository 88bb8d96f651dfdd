"""Hellinger distance."""

from __future__ import annotations

import numpy as np

from monitors.checks._chance import simulated_level
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def hellinger(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return sqrt(1/2 sum (sqrt p - sqrt q)²) over the cell shares, from 0 (equal) to 1 (disjoint).

    NaN where either side has no value in a cell.
    """
    gaps = np.sqrt(reference.shares) - np.sqrt(current.shares)
    return np.asarray(np.sqrt(np.clip((gaps**2).sum(axis=-1) / 2, 0.0, 1.0)))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return what pairs of samples of the pooled shares exceed once in a hundred times."""
    return simulated_level(hellinger, reference, current)


CHECK = Check(
    name="hellinger",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="distance",
    direction="higher_is_worse",
    summary="How far apart two distributions are, from 0 (the same) to 1 (nothing in common), by the roots of their shares.",
    citation="Le Cam and Yang (2000), Asymptotics in Statistics, 2nd ed., 3.1.",
    column_function=hellinger,
    level_function=level,
    approximate="exact on the reference's cells; finer ones would only give more",
    title="Hellinger distance",
)
