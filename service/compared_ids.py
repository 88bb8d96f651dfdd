"""Columns that tell rows apart and say nothing else: ids, keys, row numbers. Two files never share them, so they are left out of a comparison."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.comparing_views import LeftOut
from service.wizard import names

_LOOKED_AT = 100_000  # rows
_FEWEST = 20  # values below which nothing is said of a column


def find_ids(left: pa.Table, right: pa.Table, *, keep: str | None = None) -> list[LeftOut]:
    """Return the columns that are ids wherever they are, with the reason; none if nothing else would be left to compare.

    ``keep``: the column that says when a row was. The guess is the set-up wizard's (:mod:`service.wizard.names`): by name, texts of which
    nearly every row has one of its own, and whole numbers that only rise.
    """
    found: list[LeftOut] = []
    every = list(dict.fromkeys([*left.column_names, *right.column_names]))
    for name in every:
        sides = [table.column(name).slice(0, _LOOKED_AT) for table in (left, right) if name in table.column_names]
        reasons = [_why(name, values) for values in sides]
        if name != keep and all(reasons):
            found.append({"column": name, "why": reasons[0] or ""})
    return found if len(found) < len([name for name in every if name != keep]) else []


def _why(name: str, values: pa.ChunkedArray) -> str | None:
    kind, held = values.type, values.drop_null()
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    whole = pa.types.is_integer(kind) or (pa.types.is_floating(kind) and _whole(held))
    if not (text or whole) or len(held) <= _FEWEST:
        return None
    distinct = int(pc.count_distinct(held).as_py())
    if names.is_key(name, len(held), distinct):
        return (
            "an id by its name, and nearly every row has its own" if distinct > 0.9 * len(held) else "an id by its name"
        )
    if text and names.is_own(len(held), distinct, float(pc.mean(pc.utf8_length(held)).as_py() or 0)):
        return "nearly every row has a value of its own"
    if whole and bool(np.all(np.diff(held.to_numpy()) > 0)):
        return "whole numbers that rise from row to row"
    return None


def _whole(held: pa.ChunkedArray) -> bool:
    numbers = held.to_numpy()
    return bool(np.all(np.isfinite(numbers)) and np.all(numbers == np.floor(numbers)))
