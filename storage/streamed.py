"""Ordered columns of many rows, profiled as they stream by: blocks come from the engine, counts and sums are all that is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reference_data.profile import CELLS, MAX, MIN, BinnedColumn, Counts, Moments
from storage.tally import BLOCK, ONE, Grid, Places, Runs, add_moments, numbers, runs, tally

_VALUES = 1 << 22  # numbers of a block over all its columns
_SMALL = 1 << 20  # codes up to which those in use are found by counting


def block_rows(columns: int) -> int:
    """Return how many rows of so many columns make a block."""
    return max(1 << 11, min(BLOCK, _VALUES // max(columns, 1)))


class OrderedTotals:
    """Counts and moments by group of a fixed list of ordered columns, grown block by block.

    ``rows`` has shape (groups,), ``counts`` (groups, sum of 3 + cells), ``moments`` (groups, 4 a column), in the order of the entries;
    ``keys`` are the groups in the order in which they were met.
    """

    def __init__(self, entries: Sequence[BinnedColumn], n_keys: int) -> None:
        self._grids = [Grid(entry.bins.edges) for entry in entries]
        sizes = [CELLS + grid.size for grid in self._grids]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self._n_keys = n_keys
        self.keys: list[tuple[Any, ...]] = []
        self._place: dict[tuple[Any, ...], int] = {}
        self.rows: Counts = np.zeros(0, dtype=np.int64)
        self._held = np.zeros((0, len(sizes)), dtype=np.int64)
        self.counts: Counts = np.zeros((0, int(self._starts[-1])), dtype=np.int64)
        self.moments: Moments = np.zeros((0, 4 * len(sizes)))
        if not n_keys:
            self._positions([()])

    def add(self, block: pa.RecordBatch) -> None:
        """Add rows: first the key columns, then those of the entries."""
        by, keys = self._groups(block)
        at = self._positions(keys)
        codes = by.codes
        self.rows[at] += block.num_rows if codes is None else np.bincount(codes, minlength=by.groups)
        for index, grid in enumerate(self._grids):
            values, null = numbers(block.column(self._n_keys + index))
            counts, moments = tally(values, null, grid, by)
            where, four = slice(self._starts[index], self._starts[index + 1]), slice(4 * index, 4 * index + 4)
            more, held = counts[:, CELLS:].sum(axis=1), self._held[at, index]
            self.moments[at, four] = add_moments(held, self.moments[at, four], more, moments)
            self.counts[at, where] += counts
            self._held[at, index] = held + more

    def _groups(self, block: pa.RecordBatch) -> tuple[Runs, list[tuple[Any, ...]]]:
        if not self._n_keys:
            return ONE, [()]
        columns = [block.column(index) for index in range(self._n_keys)]
        codes, size = np.zeros(block.num_rows, dtype=np.intp), 1
        for column in columns:
            encoded = column.dictionary_encode(null_encoding="encode")
            codes = codes * len(encoded.dictionary) + encoded.indices.to_numpy()
            size *= max(len(encoded.dictionary), 1)
        codes, first = _dense(codes, size)
        chosen = [column.take(pa.array(first)).to_pylist() for column in columns]
        return runs(codes, len(first)), list(zip(*chosen, strict=True))

    def _positions(self, keys: list[tuple[Any, ...]]) -> Places:
        new = [key for key in keys if key not in self._place]
        for key in new:
            self._place[key] = len(self.keys)
            self.keys.append(key)
        if len(self.keys) > len(self.rows):
            self._grow(max(len(self.keys), 2 * len(self.rows)))
        return np.array([self._place[key] for key in keys], dtype=np.intp)

    def _grow(self, groups: int) -> None:
        def longer(array: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([array, np.zeros((groups - len(array), *array.shape[1:]), dtype=array.dtype)])

        before = len(self.rows)
        self.rows, self._held = longer(self.rows), longer(self._held)
        self.counts, self.moments = longer(self.counts), longer(self.moments)
        self.moments[before:, MIN::4], self.moments[before:, MAX::4] = np.inf, -np.inf


def _dense(codes: Places, size: int) -> tuple[Places, Places]:
    """Return codes without gaps, in the same order, and for each a row that has it."""
    if size > _SMALL:
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        return inverse, first
    row = np.full(size, -1, dtype=np.intp)
    row[codes] = np.arange(len(codes))
    used = np.flatnonzero(row >= 0)
    dense = np.empty(size, dtype=np.intp)
    dense[used] = np.arange(len(used))
    return dense[codes], row[used]


def stream(blocks: Iterator[pa.RecordBatch], entries: Sequence[BinnedColumn], n_keys: int) -> OrderedTotals:
    """Profile blocks of rows: key columns first, then those of the entries."""
    totals = OrderedTotals(entries, n_keys)
    for block in blocks:
        if block.num_rows:
            totals.add(block)
    return totals
