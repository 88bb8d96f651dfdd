"""Kolmogorov-Smirnov distance."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import shares
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def kolmogorov_smirnov(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the largest gap between the two cumulative distributions at the bin edges, from 0 to 1.

    Never above the exact statistic, and below it by at most the largest share one side has in one cell; exact where
    every value has a cell of its own. NaN where either side has no value in a cell.
    """
    gaps = np.cumsum(shares(current.cells), axis=-1) - np.cumsum(shares(reference.cells), axis=-1)
    return np.asarray(np.abs(gaps).max(axis=-1))


CHECK = Check(
    name="kolmogorov_smirnov",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="distance",
    direction="higher_is_worse",
    summary="The largest gap between two cumulative distributions, from 0 to 1, measured at the bin edges.",
    citation="Smirnov (1948), Table for estimating the goodness of fit of empirical distributions, Ann. Math. Stat. 19(2).",
    column_function=kolmogorov_smirnov,
    title="Kolmogorov-Smirnov distance",
)
