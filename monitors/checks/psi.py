"""Population stability index."""

from __future__ import annotations

import numpy as np

from monitors.checks._chance import divergence_level
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def psi(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the sum over cells of (q - p) ln(q / p), in nats.

    So that an empty cell does not make it infinite, half a row is added to every cell that either side fills, and none to
    cells that are empty on both. NaN where either side has no value in a cell.
    """
    filled = (reference.cells + current.cells) > 0
    empty = (reference.valid == 0) | (current.valid == 0)
    left, right = np.where(filled, reference.cells + 0.5, 0.0), np.where(filled, current.cells + 0.5, 0.0)
    p, q = (side / np.maximum(side.sum(axis=-1, keepdims=True), 0.5) for side in (left, right))
    gap = q - p
    for side in (p, q):  # a cell that is empty on both sides has no gap either
        np.putmask(side, ~filled, 1.0)
        np.log(side, out=side)
    index = (gap * (q - p)).sum(axis=-1)
    return np.asarray(np.where(empty, np.nan, index))


CHECK = Check(
    name="psi",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="nats",
    direction="higher_is_worse",
    summary="Population stability index: the symmetric information difference between two distributions.",
    citation="Yurdakul (2018), Statistical properties of the population stability index, Western Michigan University.",
    column_function=psi,
    level_function=divergence_level,
    approximate="exact on the reference's cells",
    title="Population stability index",
)
