"""Columns as presets need them: finite numbers, or counts of values over both sides."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storage.column_values import Columns

Numbers = NDArray[np.float64]
WORDS = {
    "number": "numbers",
    "truth": "true and false",
    "time": "dates or times",
    "text": "text",
    "null": "nothing",
    "list": "lists",
}


def family(kind: pa.DataType) -> str:
    """Return ``number``, ``truth``, ``time``, ``list``, ``null`` or ``text``."""
    types = pa.types
    if types.is_list(kind):
        return "list"
    if types.is_null(kind):
        return "null"
    if types.is_boolean(kind):
        return "truth"
    if types.is_integer(kind) or types.is_floating(kind):
        return "number"
    return "time" if types.is_timestamp(kind) else "text"


def read(side: Columns, name: str) -> pa.ChunkedArray | None:
    """Return a column as a whole, numbers that are not a number as missing; None if the side lacks it."""
    if name not in side.names:
        return None
    values = side.column(name).whole()
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def missing_share(values: pa.ChunkedArray) -> float:
    """Return the share of rows without a value; NaN without rows."""
    return values.null_count / len(values) if len(values) else float("nan")


def numbers(values: pa.ChunkedArray) -> Numbers:
    """Return what is there as floats, truth values as 0 and 1; infinities stay."""
    held = values.drop_null()
    if pa.types.is_boolean(held.type):
        held = pc.cast(held, pa.int8())
    found: Numbers = np.asarray(pc.cast(held, pa.float64(), safe=False), dtype=np.float64)
    return found


def tally(values: pa.ChunkedArray) -> dict[object, int]:
    """Return how often each value occurs; missing ones are left out, numbers and truth values counted as floats."""
    held = values.drop_null()
    if family(held.type) in ("number", "truth"):
        unique, counts = np.unique(numbers(held), return_counts=True)
        return dict(zip(unique.tolist(), counts.tolist(), strict=True))
    found = pc.value_counts(held)
    return dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))


def side_by_side(reference: dict[object, int], current: dict[object, int]) -> tuple[Numbers, Numbers]:
    """Return the counts of both over all values of either, in one order."""
    keys = sorted({*reference, *current}, key=lambda key: (str(type(key)), key))
    left, right = (np.array([side.get(key, 0) for key in keys], dtype=np.float64) for side in (reference, current))
    return left, right
