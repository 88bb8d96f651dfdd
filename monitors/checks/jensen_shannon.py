"""Jensen-Shannon distance."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import entropy, shares
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def jensen_shannon(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the square root of the base-2 divergence between the cell shares, from 0 (equal) to 1 (disjoint).

    Missing values take no part. NaN where either side has no value in a cell.
    """
    p, q = np.broadcast_arrays(shares(reference.cells), shares(current.cells))
    divergence = entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
    return np.asarray(np.sqrt(np.clip(divergence, 0.0, 1.0)))


CHECK = Check(
    name="jensen_shannon",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="distance",
    direction="higher_is_worse",
    summary="How far apart two distributions are, from 0 (the same) to 1 (nothing in common).",
    citation="Endres and Schindelin (2003), A new metric for probability distributions, IEEE Trans. Inf. Theory 49(7).",
    column_function=jensen_shannon,
    title="Jensen-Shannon distance",
)
