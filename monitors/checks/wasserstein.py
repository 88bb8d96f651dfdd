"""Wasserstein distance in reference standard deviations."""

from __future__ import annotations

import numpy as np

from monitors.checks._areas import areas, gap_noise
from monitors.checks._cells import finite, ratio
from monitors.checks._chance import folded_sum_level, noise
from monitors.checks._ties import tie_table
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def wasserstein(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the area between the two cumulative distributions, divided by the reference's standard deviation.

    Exact where every value has a cell of its own; otherwise rows are taken to spread evenly over their cell, which is off by
    at most half the cells' widths, each weighted with both sides' shares in it. Rows outside the reference's range are spread
    evenly up to the window's own minimum and maximum. NaN where a side is empty or the reference is constant.
    """
    if not reference.entry.bins.edges:  # the reference held no value at all
        return np.full(np.broadcast_shapes(reference.rows.shape, current.rows.shape), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        return finite(ratio(areas(reference, current).absolute, np.nan_to_num(reference.std)))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level of the area under the absolute value of a Brownian bridge over the column's edges."""
    if not reference.entry.bins.edges:
        return np.full(np.broadcast_shapes(reference.rows.shape, current.rows.shape), np.nan)
    widths, deviations, correlation = gap_noise(reference, current)
    with np.errstate(over="ignore", invalid="ignore"):
        area = folded_sum_level(ratio(deviations * widths, np.nan_to_num(reference.std)[..., None]), correlation)
        return finite(area * np.sqrt(noise(reference, current)))


def exact(reference: Values, current: Values) -> tuple[float, float]:
    """Return the distance of the rows; there is no p-value."""
    if len(reference) < 2 or not len(current) or reference[0] == reference[-1]:
        return np.nan, np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        if len(reference) == len(current):
            area = np.abs(reference - current).mean()
        else:
            values, a, b = tie_table(reference, current)
            gaps = np.cumsum(a)[:-1] / len(reference) - np.cumsum(b)[:-1] / len(current)
            area = np.abs(gaps) @ np.diff(values)
        return float(finite(area / reference.std(ddof=1))), np.nan


CHECK = Check(
    name="wasserstein",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="reference standard deviations",
    direction="higher_is_worse",
    summary="How far values must move, on average, to turn one distribution into the other.",
    citation="Ramdas, Garcia Trillos and Cuturi (2017), On Wasserstein two-sample testing, Entropy 19(2).",
    column_function=wasserstein,
    row_function=exact,
    level_function=level,
    approximate="off by at most half the sum, over cells, of the cell's width times both sides' shares in it",
    title="Wasserstein distance",
)
