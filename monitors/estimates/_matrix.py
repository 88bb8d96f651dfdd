"""Inputs as numbers for trees: numbers as they are, categories by their place, missing values as missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reference_data.schema import Column

Matrix = NDArray[np.float64]
MOST_INPUTS = 300  # of wider tables every second, third, … input is looked at
_LISTED = 200  # categories with a place of their own; trees take at most 255
_USED = ("numeric", "boolean", "categorical", "datetime")
_DAY = 86_400_000_000.0


@dataclass(frozen=True, slots=True)
class Coder:
    """Inputs as a matrix of shape (rows, inputs). ``values``: the categories of each input, in order of frequency; none for numbers."""

    columns: tuple[Column, ...]
    values: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(cls, table: pa.Table, columns: Sequence[Column]) -> Coder:
        """Learn the categories of the reference; texts, embeddings and inputs that the table lacks are left out."""
        usable = [c for c in columns if c.type in _USED and c.name in table.column_names]
        usable = usable[:: max(1, -(-len(usable) // MOST_INPUTS))]
        return cls(
            tuple(usable), tuple(_listed(table.column(c.name)) if c.type == "categorical" else () for c in usable)
        )

    @property
    def nominal(self) -> list[bool]:
        """Which inputs are categories."""
        return [column.type == "categorical" for column in self.columns]

    def __call__(self, table: pa.Table, times: pa.ChunkedArray | None = None) -> Matrix:
        """Return rows as numbers; NaN for what is missing, not finite, or a category the reference does not list."""
        found = np.full((table.num_rows, len(self.columns)), np.nan)
        for place, (column, values) in enumerate(zip(self.columns, self.values, strict=True)):
            if column.name in table.column_names:
                found[:, place] = _coded(table.column(column.name), column, values, times)
        return found


def _coded(held: pa.ChunkedArray, column: Column, values: tuple[str, ...], times: pa.ChunkedArray | None) -> Matrix:
    if column.type == "categorical":
        places = pc.index_in(_texts(held), value_set=pa.array(values, pa.string()))
        return _floats(places)
    if column.type == "datetime":  # they move with the clock: their distance to the event counts
        at = _floats(held.cast(pa.timestamp("us")).cast(pa.int64()))
        since = np.zeros(len(at)) if times is None else _floats(times.cast(pa.timestamp("us")).cast(pa.int64()))
        return np.full(len(at), np.nan) if times is None else (since - at) / _DAY
    if pa.types.is_boolean(held.type):
        held = pc.cast(held, pa.int8())
    numbers = _floats(pc.cast(held, pa.float64(), safe=False))
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _listed(column: pa.ChunkedArray) -> tuple[str, ...]:
    counted = pc.value_counts(_texts(column).drop_null())
    pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    return tuple(value for value, _ in sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:_LISTED])


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column if pa.types.is_string(column.type) else pc.cast(column, pa.string())


def _floats(column: Any) -> Matrix:
    return np.asarray(
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy(), dtype=np.float64
    )
