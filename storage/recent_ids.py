"""Which ids were logged of late: a set of 64-bit hashes that answers "surely new" without asking the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


_LONGEST = 1 << 21  # a merge of two runs needs their memory once more


class RecentIds:
    """Hashes of ids, 8 bytes each, in sorted runs of which each is long, or at least twice as long as the next.

    It may hold hashes of rows that were rolled back, so "held" only means "ask the database"; "not held" is certain for rows whose
    event time is at or after ``complete_since``.
    """

    def __init__(self, hashes: Hashes, complete_since: datetime) -> None:
        self.complete_since = complete_since
        parts = [hashes[start : start + _LONGEST] for start in range(0, max(len(hashes), 1), _LONGEST)]
        self._runs: list[Hashes] = [np.sort(part) for part in parts]

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, hashes: Hashes) -> None:
        """Remember these hashes."""
        self._runs.append(np.sort(hashes))
        while len(self._runs) > 1 and len(self._runs[-2]) < min(_LONGEST, 2 * len(self._runs[-1])):
            self._runs.append(np.union1d(self._runs.pop(), self._runs.pop()))

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Return, for each hash, whether it is held."""
        found = np.zeros(len(hashes), dtype=np.bool_)
        for run in self._runs:
            if len(run):
                found |= run[np.minimum(np.searchsorted(run, hashes), len(run) - 1)] == hashes
        return found


def repeated(hashes: Hashes) -> NDArray[Any]:
    """Return the positions of hashes that occur more than once, ascending."""
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():  # as nearly always, and a tenth of the work
        return np.zeros(0, dtype=np.int64)
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[inverse] > 1)
