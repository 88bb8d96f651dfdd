"""Jensen-Shannon distance."""

from __future__ import annotations

import numpy as np

from monitors.checks._chance import simulated_level
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile

_NEXT_TO_NOTHING = 1e-300


def jensen_shannon(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the square root of the base-2 divergence between the cell shares, from 0 (equal) to 1 (disjoint).

    Missing values take no part. NaN where either side has no value in a cell.
    """
    p, q = reference.shares, current.shares
    middle = (p + q) / 2

    def beyond(side: Values) -> Values:  # of equal shares exactly 0, which a difference of entropies is not
        terms = side / middle
        np.fmax(terms, _NEXT_TO_NOTHING, out=terms)  # of a cell that is empty, 0 times anything
        np.log2(terms, out=terms)
        terms *= side
        return np.asarray(terms.sum(axis=-1))

    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(np.clip((beyond(p) + beyond(q)) / 2, 0.0, 1.0)))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return what pairs of samples of the pooled shares exceed once in a hundred times."""
    return simulated_level(jensen_shannon, reference, current)


CHECK = Check(
    name="jensen_shannon",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="distance",
    direction="higher_is_worse",
    summary="How far apart two distributions are, from 0 (the same) to 1 (nothing in common).",
    citation="Endres and Schindelin (2003), A new metric for probability distributions, IEEE Trans. Inf. Theory 49(7).",
    column_function=jensen_shannon,
    level_function=level,
    approximate="exact on the reference's cells; finer ones would only give more",
    title="Jensen-Shannon distance",
)
