"""Quantiles and histograms read off a profile's cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference_data.profile import ColumnProfile

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A histogram: ``edges`` (one more than bars) for evenly binned columns, else ``labels``; ``shares`` has shape (..., bars).

    The first and the last of binned bars also hold everything beyond them. Shares are of the rows that fell into a cell, and
    zero if there are none.
    """

    edges: tuple[float, ...]
    labels: tuple[str, ...]
    shares: Values


def quantiles(column: ColumnProfile, qs: Sequence[float] | Values) -> Values:
    """Return quantiles of an ordered column, shape (..., len(qs)); NaN where no value fell into a cell.

    ``qs``: the same for all profiles, or of shape (..., q).

    Values are taken as evenly spread within a cell, the outermost cells reach to the minimum and the maximum; where each
    distinct value has its own cell, the quantile is one of these values. Raises :class:`ValueError` for a nominal column.
    """
    if column.minimum is None or column.maximum is None:
        raise ValueError(f"column {column.entry.column.name!r} is nominal: categories have no quantiles")
    bins = column.entry.bins
    cells = column.cells.astype(float)
    cumulative = np.cumsum(cells, axis=-1)
    total = cumulative[..., -1:]
    target = np.asarray(qs, dtype=float) * total  # (..., q)
    # the first cell that reaches the target and holds anything; half a row is less than the least that any holds
    index = (cumulative[..., None, :] < np.maximum(target, 0.5)[..., None]).sum(axis=-1).clip(max=bins.size - 1)
    inside = np.take_along_axis(cells, index, axis=-1)
    before = np.take_along_axis(cumulative, index, axis=-1) - inside
    minimum, maximum = column.minimum[..., None], column.maximum[..., None]
    edges = np.array([-np.inf, *bins.edges, np.inf])
    low, high = np.maximum(edges[index], minimum), np.minimum(edges[index + 1], maximum)
    share = np.divide(target - before, inside, out=np.ones_like(inside), where=inside > 0).clip(0, 1)
    with np.errstate(invalid="ignore", over="ignore"):
        value = high if bins.discrete else low + share * (high - low)
        return np.asarray(np.where(total > 0, np.clip(value, minimum, maximum), np.nan))


def rebin(column: ColumnProfile) -> Bars:
    """Return a column's histogram on the bars its reference froze, so that two profiles can be laid over each other."""
    bins = column.entry.bins
    valid = column.valid[..., None]
    shares = np.divide(column.cells, valid, out=np.zeros(column.cells.shape), where=valid > 0)
    if bins.kind == "nominal" or len(bins.display) < 2:
        return Bars((), bins.labels, shares)
    if bins.discrete:
        return Bars((), ("below", *(f"{value:g}" for value in bins.edges[1:]), "above"), shares)
    bounds = np.searchsorted(bins.edges, bins.display) + 1  # cells up to each displayed edge
    starts = np.concatenate([[0], bounds])
    step = bins.display[1] - bins.display[0]
    last = bins.display[-1] + (bins.display[-1] - bins.display[-2])
    return Bars((bins.display[0] - step, *bins.display, last), (), np.add.reduceat(shares, starts, axis=-1))
