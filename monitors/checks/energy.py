"""Energy distance."""

from __future__ import annotations

import numpy as np

from monitors.checks._areas import areas, gap_noise
from monitors.checks._cells import finite, ratio
from monitors.checks._chance import gamma_level, noise
from monitors.checks._ties import tie_table
from monitors.types import Check, Values
from reference_data.profile import ColumnProfile


def energy(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the root of twice the area under the squared gap of the cumulative distributions, in roots of the column's unit.

    Exact where every value has a cell of its own; otherwise rows are taken to spread evenly over their cell. With a cell's width w
    that is off by at most sqrt(2/3 sum w p²) + sqrt(2/3 sum w q²). NaN where a side is empty.
    """
    if not reference.entry.bins.edges:  # the reference held no value at all
        return np.full(np.broadcast_shapes(reference.rows.shape, current.rows.shape), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        return finite(np.sqrt(2 * areas(reference, current).squared))


def level(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the level of the area under the square of a Brownian bridge, as a gamma of its mean and variance."""
    from scipy import special

    if not reference.entry.bins.edges:
        return np.full(np.broadcast_shapes(reference.rows.shape, current.rows.shape), np.nan)
    widths, deviations, correlation = gap_noise(reference, current)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = widths * deviations**2
        variance = 2 * np.einsum("...j,...jk,...k->...", weights, correlation**2, weights)
        shrink = ratio(np.asarray(1.0), weights.sum(axis=-1))  # so that values near 1e300 do not overflow
        relative = gamma_level(weights.sum(axis=-1) * shrink, variance * shrink**2, special.gammaincinv)
        return finite(np.sqrt(2 * relative * weights.sum(axis=-1) * noise(reference, current)))


def exact(reference: Values, current: Values) -> tuple[float, float]:
    """Return the distance of the rows; there is no p-value."""
    if not len(reference) or not len(current):
        return np.nan, np.nan
    values, a, b = tie_table(reference, current)
    gaps = np.cumsum(a)[:-1] / len(reference) - np.cumsum(b)[:-1] / len(current)
    with np.errstate(over="ignore"):
        return float(finite(np.sqrt(2 * (gaps**2 @ np.diff(values))))), np.nan


CHECK = Check(
    name="energy",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="root of the column's unit",
    direction="higher_is_worse",
    summary="How much further apart values of different samples lie than values of one sample.",
    citation="Székely and Rizzo (2013), Energy statistics, J. Stat. Plan. Inference 143(8).",
    column_function=energy,
    row_function=exact,
    level_function=level,
    approximate="off by at most sqrt(2/3 sum w p²) + sqrt(2/3 sum w q²), for cells of width w with the shares p and q",
    title="Energy distance",
)
