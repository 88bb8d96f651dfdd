"""Which ids were logged of late: a set of hashes that answers "surely new" without asking the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_Lows = NDArray[np.uint32]

_SHORT = 1 << 17  # a run that is kept as it is
_LONGEST = 1 << 23  # a merge of two runs needs their memory once more
_SLICE = 1 << 20  # entries that are unpacked at a time
_KEPT = 48  # leading bits of a hash that a packed run tells apart: of 50 million, one new id in 5 million looks held


class _Packed:
    """A sorted run in some four bytes a hash: for each leading ``bits`` where its entries begin, and their following bits.

    The idea is that of quotient filters (Cleary 1984, "Compact hash tables using bidirectional linear probing"): what the place
    of an entry says need not be stored.
    """

    def __init__(self, runs: list[Hashes | _Packed]) -> None:
        total = sum(map(len, runs))
        self._bits = min(max(_KEPT - 32, total.bit_length() - 4), _KEPT - 1)
        self._lows: _Lows = np.empty(total, dtype=np.uint32)
        self._starts = np.zeros((1 << self._bits) + 1, dtype=np.uint32)
        width, filled = np.uint64(_KEPT - self._bits), 0
        pieces = max(1, total // _SLICE)
        for piece in range(pieces):  # by ranges of hashes: the runs together are never unpacked
            low, high = ((place << _KEPT) // pieces for place in (piece, piece + 1))
            keys = np.concatenate([_between(run, low, high) for run in runs])
            keys.sort(kind="stable")  # which merges what is sorted in parts
            keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
            self._lows[filled : filled + len(keys)] = keys & np.uint64((1 << int(width)) - 1)
            first, last = low >> int(width), ((high - 1) >> int(width)) + 1
            bounds = np.searchsorted(keys, np.arange(first, last + 1, dtype=np.uint64) << width)
            self._starts[first + 1 : last + 1] += np.diff(bounds).astype(np.uint32)  # pieces may meet within a place
            filled += len(keys)
        self._lows = self._lows[:filled]
        np.cumsum(self._starts, out=self._starts)

    def __len__(self) -> int:
        return len(self._lows)

    def between(self, low: int, high: int) -> Hashes:
        """Return the leading bits of the hashes in [low, high), ascending."""
        width = _KEPT - self._bits
        first, last = low >> width, min((high >> width) + 1, 1 << self._bits)
        counts = (self._starts[first + 1 : last + 1] - self._starts[first:last]).astype(np.int64)
        places = np.repeat(np.arange(first, last, dtype=np.uint64), counts)
        lows = self._lows[self._starts[first] : self._starts[last]].astype(np.uint64)
        keys: Hashes = (places << np.uint64(width)) | lows
        return keys[(keys >= low) & (keys < high)]

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Return whether each hash is held; a binary search in each one's few neighbours, all of them a step at a time."""
        keys = hashes >> np.uint64(64 - _KEPT)
        width = np.uint64(_KEPT - self._bits)
        places = (keys >> width).astype(np.int64)
        wanted = (keys & np.uint64((1 << int(width)) - 1)).astype(np.uint32)
        low, end = self._starts[places].astype(np.int64), self._starts[places + 1].astype(np.int64)
        high = end
        for _ in range(int((end - low).max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            below = self._lows[np.minimum(middle, len(self._lows) - 1)] < wanted
            low = np.where(below & (middle < high), middle + 1, low)
            high = np.where(below, high, middle)
        held: NDArray[np.bool_] = (low < end) & (self._lows[np.minimum(low, len(self._lows) - 1)] == wanted)
        return held


def _between(run: Hashes | _Packed, low: int, high: int) -> Hashes:
    if isinstance(run, _Packed):
        return run.between(low, high)
    keys = run >> np.uint64(64 - _KEPT)
    return keys[np.searchsorted(keys, np.uint64(low)) : np.searchsorted(keys, np.uint64(high - 1), side="right")]


class RecentIds:
    """Hashes of ids, some 4 bytes each, in sorted runs of which each is long, or at least twice as long as the next.

    It may hold hashes of rows that were rolled back, and take one hash for another, so "held" only means "ask the database"; "not held"
    is certain for rows whose event time is at or after ``complete_since``.
    """

    def __init__(self, hashes: Hashes, complete_since: datetime) -> None:
        self.complete_since = complete_since
        self._runs: list[Hashes | _Packed] = []
        for start in range(0, len(hashes), _LONGEST):
            part = np.sort(hashes[start : start + _LONGEST])
            self._runs.append(_Packed([part]) if len(part) > _SHORT else part)

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, hashes: Hashes) -> None:
        """Remember these hashes."""
        self._runs.append(np.sort(hashes))
        while len(self._runs) > 1 and len(self._runs[-2]) < min(_LONGEST, 2 * len(self._runs[-1])):
            self._runs.append(_merged(self._runs.pop(), self._runs.pop()))

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Return, for each hash, whether it is held."""
        order = np.argsort(hashes)  # neighbours in memory are then asked one after the other
        asked = hashes[order]
        found = np.zeros(len(hashes), dtype=np.bool_)
        for run in self._runs:
            if isinstance(run, _Packed):
                found |= run.holds(asked)
            elif len(run):
                found |= run[np.minimum(np.searchsorted(run, asked), len(run) - 1)] == asked
        result = np.empty_like(found)
        result[order] = found
        return result


def _merged(one: Hashes | _Packed, other: Hashes | _Packed) -> Hashes | _Packed:
    if isinstance(one, _Packed) or isinstance(other, _Packed) or len(one) + len(other) > _SHORT:
        return _Packed([one, other])
    return np.union1d(one, other)


def repeated(hashes: Hashes) -> NDArray[Any]:
    """Return the positions of hashes that occur more than once, ascending."""
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():  # as nearly always, and a tenth of the work
        return np.zeros(0, dtype=np.int64)
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[inverse] > 1)
