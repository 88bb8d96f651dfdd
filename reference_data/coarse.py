"""Coarser cells: neighbours of a frozen layout merged, so that many profiles of few rows each stay small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reference_data.bins import Bins
from reference_data.profile import CELLS, BinnedColumn, ColumnProfile, Counts, Layout, Profile

#: Cells that an ordered column keeps between its ends, and categories that a nominal one keeps.
ORDERED_CELLS, NOMINAL_CELLS = 10, 10


@dataclass(frozen=True, slots=True)
class Coarsening:
    """What each column keeps of its frozen cells: the places of its edges, or for a nominal column how many categories."""

    kept: tuple[tuple[int, ...] | int, ...]

    @classmethod
    def of(cls, total: Profile) -> Coarsening:
        """Choose the edges nearest to the deciles, and the most frequent categories, of a reference (no leading axis)."""
        return cls(tuple(_kept(total.column(name)) for name in total.layout.names))

    def layout(self, fine: Layout) -> Layout:
        """Return the coarser layout: the same columns, with each missing count where it was."""
        return Layout(tuple(_coarse(entry, kept) for entry, kept in zip(fine.columns, self.kept, strict=True)))

    def fold(self, profile: Profile) -> Profile:
        """Return the profile on coarser cells, exactly what profiling the same rows on them gives."""
        parts: list[Counts] = [profile.counts[..., :1]]
        for entry, kept in zip(profile.layout.columns, self.kept, strict=True):
            counts = profile.counts[..., profile.layout.count_slice(entry.column.name)]
            parts += [counts[..., :CELLS], _folded(counts[..., CELLS:], kept)]
        return Profile(self.layout(profile.layout), np.concatenate(parts, axis=-1), profile.moments)

    def to_list(self) -> list[Any]:
        """Return JSON-ready values."""
        return [kept if isinstance(kept, int) else list(kept) for kept in self.kept]

    @classmethod
    def from_list(cls, data: Sequence[Any]) -> Coarsening:
        """Rebuild from :meth:`to_list`."""
        return cls(tuple(kept if isinstance(kept, int) else tuple(kept) for kept in data))


def _kept(column: ColumnProfile) -> tuple[int, ...] | int:
    bins = column.entry.bins
    if bins.kind == "nominal":
        return min(len(bins.categories), NOMINAL_CELLS)
    places = range(len(bins.edges))
    if len(places) <= ORDERED_CELLS + 1 or not column.cells.sum():
        return tuple(places)
    below = np.cumsum(column.cells)[:-1] / column.cells.sum()  # share of values up to each edge
    inner = {int(np.argmin(np.abs(below - k / ORDERED_CELLS))) for k in range(1, ORDERED_CELLS)}
    return tuple(sorted({0, *inner, places[-1]}))  # the cells beyond both ends stay: they are out of range


def _coarse(entry: BinnedColumn, kept: tuple[int, ...] | int) -> BinnedColumn:
    bins = entry.bins
    if isinstance(kept, int):
        known = (*bins.categories[kept:], *bins.known)
        return replace(entry, bins=replace(bins, categories=bins.categories[:kept], known=known))
    if len(kept) == len(bins.edges):
        return entry
    edges = tuple(bins.edges[place] for place in kept)
    return replace(entry, bins=Bins("ordered", edges=edges, display=edges[1:-1] or edges[1:]))


def _folded(cells: Counts, kept: tuple[int, ...] | int) -> Counts:
    if isinstance(kept, int):
        rest = cells[..., kept:-1].sum(axis=-1, keepdims=True)
        return np.concatenate([cells[..., :kept], rest, cells[..., -1:]], axis=-1)
    starts = [0, *(place + 1 for place in kept)]
    return np.asarray(np.add.reduceat(cells, starts, axis=-1))
