"""Columns that tell the reference's own windows from each other: row counters, times in numbers, the day of the week, a price of the day.

With one of them a classifier tells any window from the others, the reference's own too, so what is usual would hide everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reference_data.schema import Column

TOLD = 0.7  # part of a column's variation that lies between windows: 1 - 1/K^2 for a counter of rows over K of them
_WINDOWS = 3  # from which on this can be said
_FEW = 50  # categories
_ROWS = 20_000  # that are looked at


class _Rows(Protocol):
    @property
    def table(self) -> pa.Table: ...
    @property
    def windows(self) -> NDArray[np.intp]: ...


def without_clocks(features: Sequence[Column], reference: _Rows) -> tuple[list[Column], str]:
    """Return the features whose values do not tell the reference's windows from each other, and in words which do.

    Raises :class:`ValueError` in words when fewer than two are left.
    """
    inside = np.flatnonzero(reference.windows >= 0)
    places = np.unique(reference.windows[inside])
    if len(places) < _WINDOWS:
        return list(features), ""
    at = inside[:: max(len(inside) // _ROWS, 1)]
    table, windows = reference.table.take(pa.array(at)), reference.windows[at]
    clocks = [
        c.name for c in features if c.name in table.column_names and _between(table.column(c.name), c, windows) > TOLD
    ]
    left = [column for column in features if column.name not in clocks]
    if not clocks:
        return left, ""
    named = ", ".join(clocks)
    why = "it tells" if len(clocks) == 1 else "they tell"
    if len(left) < 2:
        raise ValueError(f"without {named} ({why} the reference's own windows apart) fewer than two columns are left")
    return left, f"{named} ({why} the reference's own windows apart)"


def _between(values: pa.ChunkedArray, column: Column, windows: NDArray[np.intp]) -> float:
    """Return the part of a column's variation that lies between windows: of its ranks, or of its categories (Cramér's V squared)."""
    held = values.is_valid().to_numpy()
    if column.type == "numeric":
        numbers = pc.cast(values.drop_null(), pa.float64()).to_numpy()
        from scipy.stats import rankdata  # late: a second of starting

        return _explained(rankdata(numbers)[:, None], windows[held])
    if column.type not in ("categorical", "boolean"):
        return 0.0
    codes = np.asarray(pc.dictionary_encode(pc.cast(values.drop_null(), pa.string())).combine_chunks().indices)
    count = int(codes.max(initial=-1)) + 1
    if not 2 <= count <= _FEW:
        return 0.0
    return _explained((codes[:, None] == np.arange(count)).astype(np.float64), windows[held])


def _explained(scores: NDArray[np.float64], windows: NDArray[np.intp]) -> float:
    """Return the variance between windows over all variance, summed over the scores (rows, scores), less what chance gives."""
    total = float(scores.var(axis=0).sum()) * len(scores) if len(scores) else 0.0
    if total <= 0:
        return 0.0
    _, where = np.unique(windows, return_inverse=True)
    sizes = np.bincount(where)
    means = np.stack([np.bincount(where, each) / sizes for each in scores.T], axis=1)
    between = float((sizes[:, None] * (means - scores.mean(axis=0)) ** 2).sum()) / total
    chance = (len(sizes) - 1) / max(len(scores) - 1, 1)
    return (between - chance) / max(1 - chance, 1e-9)
