"""Wasserstein distance in reference standard deviations."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio, shares
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def wasserstein(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the area between the two cumulative distributions, divided by the reference's standard deviation.

    Exact where every value has a cell of its own (the display edges are then all the edges); otherwise rows are taken to
    spread evenly over their cell, which is off by at most the width of the cells they lie in. Rows outside the reference's range
    are spread evenly up to the window's own minimum and maximum. NaN where a side is empty or the reference is constant.
    """
    edges = np.asarray(reference.entry.bins.edges)
    if not len(edges):  # the reference held no value at all
        return np.full(np.broadcast_shapes(reference.rows.shape, current.rows.shape), np.nan)
    p, q = np.broadcast_arrays(shares(reference.cells), shares(current.cells))
    gaps = np.abs(np.cumsum(q - p, axis=-1))
    bins = reference.entry.bins
    own_cells = bins.display == bins.edges
    heights = gaps[..., :-2] if own_cells else (gaps[..., :-2] + gaps[..., 1:-1]) / 2
    area = (heights * np.diff(edges)).sum(axis=-1)
    if current.minimum is not None and current.maximum is not None:
        below = np.where(q[..., 0] > 0, edges[0] - current.minimum, 0.0)
        above = np.where(q[..., -1] > 0, current.maximum - edges[-1], 0.0)
        area = area + (q[..., 0] * below + q[..., -1] * above) / 2
    return ratio(area, np.nan_to_num(reference.std))


CHECK = Check(
    name="wasserstein",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="reference standard deviations",
    direction="higher_is_worse",
    summary="How far values must move, on average, to turn one distribution into the other.",
    citation="Ramdas, Garcia Trillos and Cuturi (2017), On Wasserstein two-sample testing, Entropy 19(2).",
    column_function=wasserstein,
    title="Wasserstein distance",
)
