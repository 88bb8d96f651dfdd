"""Rows to be explained, and how they are told apart: coarse groups of the frozen cells, and numbers for models."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_data.bins import OTHER, UNSEEN
from reference_data.profile import BinnedColumn

Values = NDArray[np.float64]
Codes = NDArray[np.int64]

GROUPS = 8  # of an ordered column's values inside the reference's range
LISTED = 30  # categories that are told apart
MISSING = "missing"
HUGE = 1e30  # beyond which values are cut for models, which square them


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """``n`` rows: each column's values (ordered: float64, NaN where missing; nominal: objects, None where missing).

    ``loss``: what each row cost, lower is better, NaN without a label. ``day``: number of the day a row happened, None without times.
    """

    columns: Mapping[str, NDArray[Any]]
    loss: Values
    day: Codes | None = None

    def __len__(self) -> int:
        return len(self.loss)

    def take(self, chosen: NDArray[Any]) -> Rows:
        """Return the chosen rows, by number or mask."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        return replace(
            self, columns=columns, loss=self.loss[chosen], day=None if self.day is None else self.day[chosen]
        )


def cells(entry: BinnedColumn, values: NDArray[Any]) -> Codes:
    """Return the frozen cell of each value, (n,); one beyond the last for a missing value."""
    bins = entry.bins
    if entry.ordered:
        numbers = values.astype(np.float64)
        placed = np.searchsorted(np.array(bins.edges, dtype=np.float64), numbers, side="left")
        return np.where(np.isnan(numbers), bins.size, placed).astype(np.int64)
    place: dict[Any, int] = {name: index for index, name in enumerate(bins.categories)}
    known = set(bins.known)
    other, unseen = len(bins.categories), len(bins.categories) + 1
    found: dict[Any, int] = {None: bins.size}
    for value in set(values.tolist()) - {None}:
        rare = other if value in known or not bins.known_complete else unseen
        found[value] = place.get(value, rare)
    return np.array([found[value] for value in values.tolist()], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """A column cut coarsely: ``of_cell`` gives the group of each frozen cell (and of missing, last); ``labels`` name the groups.

    ``ordered``: how many of the first groups follow each other in order of value.
    """

    entry: BinnedColumn
    of_cell: Codes
    labels: tuple[str, ...]
    ordered: int

    @property
    def name(self) -> str:
        """The column."""
        return self.entry.column.name

    def codes(self, rows: Rows) -> Codes:
        """Return the group of each row."""
        return self.of_cell[cells(self.entry, rows.columns[self.name])]

    def words(self, group: int) -> str:
        """Return how a group is written: "carrier = UA", "hour 17–20", "seats missing"."""
        label = self.labels[group]
        if label == MISSING:
            return f"{self.name} missing"
        if label == UNSEEN:
            return f"{self.name} new"
        if self.entry.ordered:
            return f"{self.name} {label}"
        return f"{self.name} = {label}" if label != OTHER else f"{self.name} rarer than the {LISTED} most frequent"


def grouping(entry: BinnedColumn, reference: Rows, *, groups: int = GROUPS) -> Grouping:
    """Cut a column into groups of about as many of the reference's rows each; what lies out of its range is apart.

    A nominal column's groups are its most frequent categories, the others together, new ones, and missing.
    """
    if not entry.ordered:
        return _nominal(entry)
    size = entry.bins.size
    held = np.bincount(cells(entry, reference.columns[entry.column.name]), minlength=size + 1)[:size]
    if size < 3:
        return Grouping(entry, np.arange(size + 1), (*(_range(entry, i, i) for i in range(size)), MISSING), size)
    inside = np.arange(1, size - 1)  # the outermost cells lie beyond the reference's range
    upto = np.cumsum(held[inside]) - held[inside] / 2
    place = np.floor(groups * upto / max(upto[-1] + held[inside][-1] / 2, 1)).astype(np.int64)
    _, place = np.unique(place, return_inverse=True)
    of_cell = np.concatenate([[0], place + 1, [place[-1] + 2], [place[-1] + 3]]).astype(np.int64)
    labels = []
    for group in range(int(of_cell[-2]) + 1):
        members = np.flatnonzero(of_cell[:-1] == group)
        labels.append(_range(entry, int(members[0]), int(members[-1])))
    return Grouping(entry, of_cell, (*labels, MISSING), len(labels))


def _nominal(entry: BinnedColumn) -> Grouping:
    bins = entry.bins
    listed = bins.categories[:LISTED]
    of_cell = np.minimum(np.arange(bins.size + 1), len(listed))
    of_cell[-2:] = len(listed) + 1, len(listed) + 2  # unseen, missing
    return Grouping(entry, of_cell, (*listed, OTHER, UNSEEN, MISSING), 0)


def _range(entry: BinnedColumn, first: int, last: int) -> str:
    edges = entry.bins.edges
    if not edges:
        return "of any value"
    if entry.bins.discrete and first >= 1 and last <= len(edges) - 1:
        low, high = _edge(edges[first]), _edge(edges[last])
        return f"{low}–{high}" if last > first else f"= {low}"
    if first == 0:
        return f"up to {_edge(edges[last])}" if last > 0 else "below the reference's range"
    if last >= len(edges):
        return f"above {_edge(edges[first - 1])}" if first < len(edges) else "above the reference's range"
    return f"{_edge(edges[first - 1])}–{_edge(edges[last])}"


def _edge(value: float) -> str:
    """Write an edge; the number just below 0, where cells of columns that reach down to 0 begin, is 0 to a reader."""
    return "0" if abs(value) < sys.float_info.min else f"{value:.4g}"


def matrix(entries: Sequence[BinnedColumn], rows: Rows) -> Values:
    """Return the columns as numbers, (n, columns): nominal ones by their frozen cell; NaN where missing."""
    found = np.empty((len(rows), len(entries)))
    for place, entry in enumerate(entries):
        values = rows.columns[entry.column.name]
        if entry.ordered:
            numbers = values.astype(np.float64)
            found[:, place] = np.where(np.isfinite(numbers), np.clip(numbers, -HUGE, HUGE), np.nan)
        else:
            codes = cells(entry, values)
            found[:, place] = np.where(codes == entry.bins.size, np.nan, codes)
    return found
