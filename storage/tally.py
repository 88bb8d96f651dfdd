"""Counts per cell and moments of numbers in memory: the arithmetic under every profile of an ordered column.

Numbers are placed on an even grid that is finer than the cells; only in the few places of the grid that an edge runs through are
they held against the edge itself, so counts are exact. Grouped numbers are counted a run at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reference_data.profile import CELLS, INF, M2, MAX, MEAN, MIN, MISSING, NAN, Counts, Moments

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

#: Rows of a block: small enough for the processor's caches.
BLOCK = 1 << 16
_PLACES = 1 << 12
_WIDE = 1e300  # a span beyond which, or below the inverse of which, arithmetic is not safe
_ALL_BITS = np.int64(0x7FFFFFFFFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows by group. ``order`` brings each group's rows together (None: they are), ``codes`` are the groups in that order."""

    groups: int
    order: Places | None = None
    codes: Places | None = None


ONE = Runs(1)


def runs(codes: Places, groups: int) -> Runs:
    """Return the runs of rows that have these group codes, each below ``groups``."""
    if groups == 1:
        return ONE
    if len(codes) < 2 or bool((codes[1:] >= codes[:-1]).all()):
        return Runs(groups, None, codes)
    order = np.argsort(
        codes.astype(np.uint16) if groups <= 1 << 16 else codes, kind="stable"
    )  # radix sort of short codes
    return Runs(groups, order, codes[order])


_local = threading.local()


def _scratch(size: int) -> tuple[Floats, Places]:
    """Return room for a block of floats and of places, the same in every call of a thread: fresh memory costs more than the sums."""
    held: tuple[Floats, Places] | None = getattr(_local, "held", None)
    if held is None or len(held[0]) < size:
        held = _local.held = np.empty(max(size, BLOCK)), np.empty(max(size, BLOCK), np.intp)
    return held[0][:size], held[1][:size]


class Grid:
    """The cells between ascending, upper-inclusive edges, made ready for counting."""

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = np.asarray(edges, dtype=np.float64)
        self.size = len(self.edges) + 1
        if len(self.edges) < 2:
            return
        self._by_bits = False
        # evenly by value, or by digits for what spans many orders of magnitude: whichever keeps more edges apart
        apart = []
        for self._by_bits in (False, True):
            self._fit()
            apart.append(len(np.unique(self._place(self.edges))) if self._by_bits or self._scale else 0)
        if apart[0] >= apart[1]:
            self._by_bits = False
            self._fit()
        at = self._place(self.edges)
        edges_in = np.bincount(at, minlength=_PLACES)
        self._cut = edges_in > 0
        self._cell = np.concatenate([[0], np.cumsum(edges_in)[:-1]]).astype(
            np.intp
        )  # as many edges lie below the place
        self._sparse = bool(edges_in.max() <= 2)
        self._first, self._second = np.full((2, _PLACES), np.inf)  # the edges in a place
        self._second[at] = self.edges
        self._first[at[::-1]] = self.edges[::-1]
        self._second[edges_in < 2] = np.inf

    def _fit(self) -> None:
        inner = self._key(self.edges[1:-1] if len(self.edges) > 3 else self.edges)  # the outermost may lie far out
        self._low = float(inner[0])
        with np.errstate(over="ignore"):
            span = float(np.subtract(inner[-1], inner[0]))
        self._scale = (_PLACES - 1) / span if 0 < span < _WIDE and span > 1 / _WIDE else 0.0

    def _key(self, values: Floats, out: Floats | None = None) -> Floats:
        if not self._by_bits:
            return values
        bits = np.add(values, 0.0, out=out).view(np.int64)  # a negative zero becomes a positive one
        bits ^= (bits >> 63) & _ALL_BITS
        if out is None:
            return bits.astype(np.float64)
        np.copyto(out, bits)
        return out

    def _place(self, values: Floats) -> Places:
        """Return where on the grid finite values lie: in ascending order, whatever the rounding."""
        key, place = _scratch(len(values))
        with np.errstate(over="ignore"):
            np.subtract(self._key(values, key), self._low, out=key)
            key *= self._scale
        np.clip(key, 0, _PLACES - 1, out=key)
        np.copyto(place, key, casting="unsafe")
        return place

    def cells(self, values: Floats) -> Places:
        """Return the cell of each finite value."""
        if len(self.edges) < 2:
            return (values > self.edges[0]).astype(np.intp) if len(self.edges) else np.zeros(len(values), np.intp)
        place = self._place(values)
        found = self._cell.take(place)
        near = np.flatnonzero(self._cut.take(place))
        found[near] = self._compare(values, place, near)
        return found

    def _compare(self, values: Floats, place: Places, near: Places) -> Places:
        """Return the cells of those values that share their place with an edge."""
        if len(near) < len(values):
            values, place = values[near], place[near]
        if not self._sparse:
            return np.searchsorted(self.edges, values)
        found = self._cell.take(place)
        found += values > self._first.take(place)
        found += values > self._second.take(place)
        return found

    def count(self, values: Floats) -> Counts:
        """Return how many finite values lie in each cell, shape (size,)."""
        if len(self.edges) < 2:
            return np.bincount(self.cells(values), minlength=self.size)
        place = self._place(values)
        near = np.flatnonzero(self._cut.take(place))
        clear = np.where(self._cut, 0, np.bincount(place, minlength=_PLACES))
        found = np.zeros(self.size, dtype=np.int64)
        np.add.at(found, self._cell, clear)
        return found + np.bincount(self._compare(values, place, near), minlength=self.size)


def numbers(values: pa.Array) -> tuple[Floats, NDArray[np.bool_] | None]:
    """Return an Arrow array of numbers, truth values or times as floats (times in seconds since 1970), and where nothing is."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us")).cast(pa.int64())
    elif pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    elif pa.types.is_null(kind):
        values = values.cast(pa.float64())
    null = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    found = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return (found / 1e6 if pa.types.is_timestamp(kind) else found), null


def tally(values: Floats, null: NDArray[np.bool_] | None, grid: Grid, by: Runs) -> tuple[Counts, Moments]:
    """Count and sum one block of one column.

    ``values``: as they come; NaN where ``null``, the rows that hold nothing. Returns counts of shape (groups, 3 + cells) and
    moments of shape (groups, 4), as in :mod:`reference_data.profile`.
    """
    counts = np.zeros((by.groups, CELLS + grid.size), dtype=np.int64)
    codes = by.codes
    if by.order is not None:
        values = values.take(by.order)
        null = None if null is None else null.take(by.order)
    with np.errstate(over="ignore", invalid="ignore"):
        plain = null is None and bool(np.isfinite(values.sum()))
    if not plain:
        finite = np.isfinite(values)
        if not finite.all():
            left = np.flatnonzero(~finite)
            kind = np.where(np.isnan(values[left]), NAN, INF)
            if null is not None:
                kind[null[left]] = MISSING
            group = 0 if codes is None else codes[left]
            counts[:, :CELLS] = np.bincount(group * CELLS + kind, minlength=by.groups * CELLS).reshape(-1, CELLS)
            values = values[finite]
            codes = None if codes is None else codes[finite]
    if codes is None:
        counts[0, CELLS:] = grid.count(values)
        return counts, _moments(values)[None]
    cells = grid.cells(values)
    cells += codes * grid.size
    counts[:, CELLS:] = np.bincount(cells, minlength=by.groups * grid.size).reshape(-1, grid.size)
    return counts, _moments_by(values, codes, by.groups)


def _moments(values: Floats) -> Moments:
    """Return mean, M2, minimum and maximum. NumPy adds pairwise, so the error grows with the logarithm of the rows."""
    if not len(values):
        return np.array([0.0, 0.0, np.inf, -np.inf])
    with np.errstate(over="ignore", invalid="ignore"):
        mean = values.mean()
        apart = np.subtract(values, mean, out=_scratch(len(values))[0])
        apart *= apart
        return np.array([mean, apart.sum(), values.min(), values.max()])


def _moments_by(values: Floats, codes: Places, groups: int) -> Moments:
    """Return the moments of each run of codes, shape (groups, 4)."""
    found = np.zeros((groups, 4))
    found[:, MIN], found[:, MAX] = np.inf, -np.inf
    if not len(values):
        return found
    n = np.bincount(codes, minlength=groups)
    held = np.flatnonzero(n)
    n = n[held]
    starts = np.concatenate([[0], np.cumsum(n)[:-1]])
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.add.reduceat(values, starts) / n
        apart = values - np.repeat(mean, n)
        apart *= apart
        found[held, MEAN], found[held, M2] = mean, np.add.reduceat(apart, starts)
    found[held, MIN], found[held, MAX] = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    return found


def add_moments(n: Any, moments: Moments, more: Any, added: Moments) -> Moments:
    """Merge moments of ``n`` and ``more`` values, shapes (…) and (…, 4): Chan, Golub and LeVeque (1983)."""
    total = np.maximum(n + more, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = added[..., MEAN] - moments[..., MEAN]
        share = more / total
        merged = np.empty_like(moments)
        merged[..., MEAN] = moments[..., MEAN] + apart * share
        # a mean of no values is 0 and says nothing
        merged[..., MEAN] = np.where(
            n == 0, added[..., MEAN], np.where(more == 0, moments[..., MEAN], merged[..., MEAN])
        )
        between = np.where((n == 0) | (more == 0), 0.0, apart**2 * n * share)
        merged[..., M2] = moments[..., M2] + added[..., M2] + between
    merged[..., MIN] = np.minimum(moments[..., MIN], added[..., MIN])
    merged[..., MAX] = np.maximum(moments[..., MAX], added[..., MAX])
    return merged
