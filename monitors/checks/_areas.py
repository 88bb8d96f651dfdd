"""The area between two cumulative distributions, from cells: what the Wasserstein and the energy distance have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitors.checks._cells import Values, shares
from monitors.checks._chance import bridge
from reference_data.profile import ColumnProfile


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Cells as intervals: their ``widths`` and the gaps of the cumulative shares at both ends, each (..., cells)."""

    widths: Values
    left: Values
    right: Values

    @property
    def absolute(self) -> Values:
        """Integral of the absolute gap, (...)."""
        low, high = np.abs(self.left), np.abs(self.right)
        total = low + high
        flat, crossing = total.reshape(-1), np.flatnonzero(self.left * self.right < 0)
        ends = low.reshape(-1)[crossing] ** 2 + high.reshape(-1)[crossing] ** 2
        flat[crossing] = ends / flat[crossing]
        return np.asarray((self.widths * total / 2).sum(axis=-1))

    @property
    def squared(self) -> Values:
        """Integral of the squared gap, (...)."""
        return np.asarray((self.widths * (self.left**2 + self.left * self.right + self.right**2) / 3).sum(axis=-1))


def cumulative_gaps(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return by how much the cumulative shares differ at every end of a cell: (..., cells + 1), from 0 to 0, NaN where a side is empty."""
    kept = current.kept.get("gaps")
    if kept is None or kept[0] is not reference:
        steps = current.shares - reference.shares
        gaps = np.zeros((*steps.shape[:-1], steps.shape[-1] + 1))
        np.cumsum(steps, axis=-1, out=gaps[..., 1:])
        gaps[..., -1] *= 0.0
        kept = current.kept["gaps"] = (reference, gaps)
    return np.asarray(kept[1])


def areas(reference: ColumnProfile, current: ColumnProfile) -> Areas:
    """Return the cells of an ordered column as intervals; the reference must have held values.

    Where each value has a cell of its own, rows lie at the cell's upper edge; else they are taken as evenly spread over their
    cell. Rows outside the edges are spread evenly up to the smallest and the largest value of both sides.
    """
    bins = reference.entry.bins
    p, q = reference.shares, current.shares
    gaps = cumulative_gaps(reference, current)
    left, right = gaps[..., :-1], gaps[..., 1:]
    if bins.discrete:
        right = right.copy()
        right[..., 1:-1] = left[..., 1:-1]
    edges = np.asarray(bins.edges)
    widths = np.zeros(left.shape)
    widths[..., 1:-1] = edges[1:] - edges[:-1]
    for side, share in ((reference, p), (current, q)):
        if side.minimum is None or side.maximum is None:
            continue
        below, above = edges[0] - side.minimum, side.maximum - edges[-1]
        widths[..., 0] = np.maximum(widths[..., 0], np.where(share[..., 0] > 0, below, 0.0))
        widths[..., -1] = np.maximum(widths[..., -1], np.where(share[..., -1] > 0, above, 0.0))
    return Areas(widths, left, right)


def gap_noise(reference: ColumnProfile, current: ColumnProfile) -> tuple[Values, Values, Values]:
    """Return widths that belong to the inner edges (k,), and deviations and correlations of the gaps there for two rows."""
    bins = reference.entry.bins
    steps = np.diff(np.asarray(bins.edges))
    widths = np.append(steps, 0.0)
    if not bins.discrete:
        widths = (widths + np.concatenate([[0.0], steps])) / 2
    pooled = shares(np.add(*np.broadcast_arrays(reference.cells, current.cells)))
    return (widths, *bridge(np.cumsum(pooled, axis=-1)[..., :-1]))
