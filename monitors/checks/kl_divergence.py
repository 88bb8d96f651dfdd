"""Kullback-Leibler divergence."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio, sides
from monitors.checks._chance import simulated_level
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def kl_divergence(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the sum over cells of p ln(p / q), p the reference's shares and q the current ones, in nats.

    A cell that only the reference fills would make it infinite: each of these is taken to hold half a row. NaN where either side
    has no value in a cell.
    """
    left, right = sides(reference, current)
    vanished = (left > 0) & (right == 0)
    empty = (left.sum(axis=-1) == 0) | (right.sum(axis=-1) == 0)
    p = ratio(left, left.sum(axis=-1, keepdims=True))
    right = np.where(vanished, 0.5, right)
    q = ratio(right, right.sum(axis=-1, keepdims=True))
    filled = left > 0
    terms = np.where(filled, p * (np.log(np.where(filled, p, 1.0)) - np.log(np.where(filled, q, 1.0))), 0.0)
    return np.asarray(np.where(empty, np.nan, np.maximum(terms.sum(axis=-1), 0.0)))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return what pairs of samples of the pooled shares exceed once in a hundred times."""
    return simulated_level(kl_divergence, reference, current)


CHECK = Check(
    name="kl_divergence",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="nats",
    direction="higher_is_worse",
    summary="The information lost when the current distribution stands in for the reference's.",
    citation="Kullback and Leibler (1951), On information and sufficiency, Ann. Math. Stat. 22(1).",
    column_function=kl_divergence,
    level_function=level,
    approximate="exact on the reference's cells",
    title="Kullback-Leibler divergence",
)
