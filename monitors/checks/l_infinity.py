"""L-infinity distance."""

from __future__ import annotations

import numpy as np

from monitors.checks._chance import simulated_level
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def l_infinity(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the largest change of one cell's share, from 0 to 1; NaN where either side has no value in a cell."""
    return np.asarray(np.abs(reference.shares - current.shares).max(axis=-1))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return what pairs of samples of the pooled shares exceed once in a hundred times."""
    return simulated_level(l_infinity, reference, current)


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
