"""Cells and profiles of one column at a time, from Arrow arrays: what :mod:`storage.profiler` does by SQL for the rows of a database.

A column of at most ``_KEPT`` rows is decoded once and held while it is worked on; a longer one is decoded again for each pass, so
memory does not grow with the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reference_data.binning import MAX_DISTINCT, MAX_KNOWN, MAX_LISTED, QUANTILES, nominal_bins, ordered_bins
from reference_data.bins import Bins
from reference_data.inference import kind_of_text
from reference_data.profile import CELLS, MISSING, BinnedColumn, Counts, Layout, Profile
from reference_data.schema import Column, ColumnType
from storage.column_values import Values
from storage.derived import binned_as, derivation
from storage.tally import BLOCK, ONE, Floats, Grid, add_moments, numbers, runs, tally

_KEPT = 2_500_000
_HEAD, _FREE = 1 << 20, 0.9  # rows that show whether text is free, by the share of distinct values
#: Rows whose quantiles are taken as those of a longer column: ranks are then off by 0.003 (one standard error) at most.
SAMPLE = 1 << 15


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of every row, from 0; rows of a negative one are left out."""

    codes: NDArray[np.int64]
    count: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How often each distinct value of a nominal column occurs. ``values``: Arrow text without nulls, each once."""

    values: pa.Array
    counts: Counts
    missing: int

    @property
    def once(self) -> int:
        """How many values occur exactly once."""
        return int((self.counts == 1).sum())

    def kind(self) -> ColumnType:
        """Return ``text`` or ``categorical``, as :func:`reference_data.inference.infer_columns` does."""
        held = int(self.counts.sum())
        if not held:
            return "numeric"
        characters = pc.utf8_length(self.values).to_numpy(zero_copy_only=False)
        return kind_of_text(held, len(self.values), float(characters @ self.counts) / held)

    def bins(self) -> Bins:
        """Return cells for the most frequent values."""
        return nominal_bins(self._most_frequent(MAX_LISTED + MAX_KNOWN + 1))

    def _most_frequent(self, count: int) -> list[str]:
        if len(self.values) > 4 * count:  # a partial sort spares the rare ones
            least = np.partition(self.counts, -count)[-count]
            keep = np.flatnonzero(self.counts >= least)
            values, counts = self.values.take(pa.array(keep)), self.counts[keep]
        else:
            values, counts = self.values, self.counts
        table = pa.table({"n": counts, "v": values})
        order = pc.sort_indices(table, [("n", "descending"), ("v", "ascending")])
        found: list[str] = values.take(order[:count]).to_pylist()
        return found


def merge_counted(left: Counted, right: Counted) -> Counted:
    """Return the counts of both sides together."""
    return _folded([(left.values, left.counts), (right.values, right.counts)], left.missing + right.missing)


def count_text(values: Values) -> Counted | None:
    """Count each distinct value of a column of text; None if the first million are nearly all distinct, so that it is free text."""
    head = 0
    first: list[pa.Array] = []
    if len(values) > 2 * _HEAD:
        for piece in values.pieces():
            first.append(piece)
            head += len(piece)
            if head >= _HEAD:
                break
        counted = _counted(iter(first))
        if len(counted.values) > _FREE * counted.counts.sum():
            return None
    return count_values(values)


def count_values(values: Values) -> Counted:
    """Count each distinct value of a column of text or truth values."""
    return _counted(values.pieces())


def _counted(pieces: Iterator[pa.Array]) -> Counted:
    parts: list[tuple[pa.Array, Counts]] = []
    missing = 0
    for piece in pieces:
        missing += piece.null_count
        encoded = _encoded(piece)
        index = encoded.indices.drop_null() if encoded.null_count else encoded.indices
        counts = np.bincount(index.to_numpy(), minlength=len(encoded.dictionary))
        if parts and parts[-1][0].equals(encoded.dictionary):
            parts[-1] = (parts[-1][0], parts[-1][1] + counts)
        else:
            parts.append((encoded.dictionary, counts))
        if len(parts) > 1 and sum(len(part[0]) for part in parts) > 4 * BLOCK:
            folded = _folded(parts, 0)
            parts = [(folded.values, folded.counts)]
    return _folded(parts, missing)


def _encoded(piece: pa.Array) -> pa.DictionaryArray:
    if pa.types.is_dictionary(piece.type):
        return piece
    return (piece.cast(pa.string()) if pa.types.is_boolean(piece.type) else piece).dictionary_encode()


def _folded(parts: list[tuple[pa.Array, Counts]], missing: int) -> Counted:
    if not parts:
        return Counted(pa.array([], pa.string()), np.zeros(0, np.int64), missing)
    if len(parts) == 1:
        values, counts = parts[0]
    else:
        encoded = pa.concat_arrays([values for values, _ in parts]).dictionary_encode()
        values = encoded.dictionary
        weights = np.concatenate([counts for _, counts in parts])
        counts = np.bincount(encoded.indices.to_numpy(), weights=weights, minlength=len(values)).astype(np.int64)
    held = np.flatnonzero(counts)
    if len(held) < len(values):
        values, counts = values.take(pa.array(held)), counts[held]
    return Counted(values, counts, missing)


def _cells(bins: Bins, values: pa.Array) -> NDArray[np.int64]:
    """Return the cell of each value (no nulls)."""
    other = bins.size - 2
    fallback = other + 1 if bins.known_complete else other
    known = pa.array([*bins.categories, *bins.known], values.type)
    place = pc.fill_null(pc.index_in(values, value_set=known), -1).to_numpy().astype(np.int64)
    return np.where(place < 0, fallback, np.minimum(place, other))


def profile_counted(entry: BinnedColumn, counted: Counted) -> Profile:
    """Profile a nominal column of which the values are counted; the profile has no leading axis."""
    layout = Layout((entry,))
    profile = layout.empty()
    held = np.bincount(_cells(entry.bins, counted.values), weights=counted.counts, minlength=entry.bins.size)
    profile.counts[0] = int(counted.counts.sum()) + counted.missing
    profile.counts[1 + MISSING] = counted.missing
    profile.counts[1 + CELLS :] = held.astype(np.int64)
    return profile


class ColumnRows:
    """The rows of one column as blocks of numbers: numbers as they are, times in seconds since 1970, text by its length."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.rows = len(values)
        self._kept: list[tuple[Floats, NDArray[np.bool_] | None]] | None = None

    def blocks(self) -> Iterator[tuple[Floats, NDArray[np.bool_] | None]]:
        """Yield floats, and where nothing is (None: nowhere)."""
        if self._kept is not None:
            yield from self._kept
        elif self.rows <= _KEPT:
            self._kept = list(self._decoded())
            yield from self._kept
        else:
            yield from self._decoded()

    def _decoded(self) -> Iterator[tuple[Floats, NDArray[np.bool_] | None]]:
        for piece in self._values.pieces():
            yield numbers(
                _lengths(piece) if pa.types.is_dictionary(piece.type) or pa.types.is_string(piece.type) else piece
            )


def _lengths(piece: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(piece.type):
        return pc.utf8_length(piece.dictionary).take(piece.indices)
    return pc.utf8_length(piece)


def freeze_rows(column: Column, rows: ColumnRows) -> BinnedColumn:
    """Choose the cells of an ordered column. Minimum, maximum and few distinct values are exact, quantiles are those of a sample."""
    draw = np.random.default_rng(0)
    share = min(1.0, SAMPLE / max(rows.rows, 1))
    sample: list[Floats] = []
    minimum, maximum = math.inf, -math.inf
    for values, _ in rows.blocks():
        finite = _finite(values)
        if not len(finite):
            continue
        minimum, maximum = min(minimum, float(finite.min())), max(maximum, float(finite.max()))
        taken = math.ceil(share * len(finite))
        sample.append(finite if share == 1 else finite[draw.integers(0, len(finite), taken)])
    ordered = np.sort(np.concatenate(sample)) if sample else np.empty(0)
    if not len(ordered):
        return BinnedColumn(column, Bins("ordered"), derivation(column))
    distinct: Floats | None = _distinct(ordered)
    if distinct is not None and share < 1:
        distinct = _all_distinct(rows, distinct)
    n = len(ordered)
    places = [max(1, n - math.floor(n - n * q)) - 1 for q in QUANTILES]
    quantiles = [minimum if n == 1 else float(value) for value in ordered[places]]
    bins = ordered_bins(minimum, maximum, quantiles, None if distinct is None else distinct.tolist())
    return BinnedColumn(column, bins, derivation(column))


def _finite(values: Floats) -> Floats:
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]


def _distinct(ordered: Floats) -> Floats | None:
    """Return the distinct values of sorted ones; None if there are more than get a cell each."""
    found = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return found if len(found) <= MAX_DISTINCT else None


def _all_distinct(rows: ColumnRows, found: Floats) -> Floats | None:
    for values, _ in rows.blocks():
        finite = _finite(values)
        place = np.searchsorted(found, finite).clip(max=len(found) - 1)
        new = finite[found[place] != finite]
        if len(new):
            found = np.union1d(found, new)
            if len(found) > MAX_DISTINCT:
                return None
    return found


def profile_column(entry: BinnedColumn, rows: ColumnRows, groups: Groups | None = None) -> Profile:
    """Profile an ordered column. Without ``groups`` the profile has no leading axis, else one over them."""
    grid = Grid(entry.bins.edges)
    count = 1 if groups is None else groups.count
    profile = Layout((entry,)).empty(count)
    moments, start = profile.moments, 0
    for values, null in rows.blocks():
        stop = start + len(values)
        by = ONE
        if groups is not None:
            codes = groups.codes[start:stop]
            if (codes < 0).any():
                keep = codes >= 0
                values, null, codes = values[keep], None if null is None else null[keep], codes[keep]  # noqa: PLW2901
            by = runs(codes.astype(np.intp), count)
            profile.counts[:, 0] += np.bincount(codes, minlength=count)
        else:
            profile.counts[:, 0] += len(values)
        counts, added = tally(values, null, grid, by)
        held = profile.counts[:, 1 + CELLS :].sum(axis=-1)
        moments = add_moments(held, moments, counts[:, CELLS:].sum(axis=-1), added)
        profile.counts[:, 1:] += counts
        start = stop
    found = Profile(profile.layout, profile.counts, moments)
    return found[0] if groups is None else found


def profile_nominal(entry: BinnedColumn, values: Values, groups: Groups) -> Profile:
    """Profile a nominal column by group, with one leading axis over the groups."""
    profile = Layout((entry,)).empty(groups.count)
    size, start = entry.bins.size, 0
    for piece in values.pieces():
        codes = groups.codes[start : start + len(piece)]
        start += len(piece)
        encoded = _encoded(piece)
        index = pc.fill_null(encoded.indices, -1).to_numpy()
        cells = np.append(_cells(entry.bins, encoded.dictionary), size)[index]  # -1 finds the last: missing
        keep = codes >= 0
        found = np.bincount(codes[keep] * (size + 1) + cells[keep], minlength=groups.count * (size + 1))
        found = found.reshape(groups.count, size + 1)
        profile.counts[:, 0] += found.sum(axis=1)
        profile.counts[:, 1 + MISSING] += found[:, -1]
        profile.counts[:, 1 + CELLS :] += found[:, :-1]
    return profile


def is_ordered(column: Column) -> bool:
    """Whether the column has bin edges instead of categories."""
    return binned_as(column) == "ordered"
