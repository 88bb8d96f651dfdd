"""Digests of rows, by which the same rows are known again when they come under the same key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BYTES = 16


class _Hash(Protocol):
    def update(self, data: Any, /) -> None: ...


def rows_digest(rows: Sequence[object]) -> str:
    """Return a digest of Python values such as JSON has, whatever the order of an object's members."""
    try:
        text = json.dumps(rows, sort_keys=True, default=_plain)
    except (TypeError, ValueError):  # names of several types in one object
        text = repr(rows)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_BYTES).hexdigest()


def table_digest(table: pa.Table) -> str:
    """Return a digest of the names, types and values of a table; how it is cut into chunks makes no difference."""
    found = hashlib.blake2b(digest_size=_BYTES)
    for name, column in zip(table.column_names, table.columns, strict=True):
        found.update(json.dumps([name, str(column.type), len(column)]).encode())
        _add(found, column)
    return found.hexdigest()


def _add(found: _Hash, column: pa.ChunkedArray) -> None:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:  # what lies in the place of a missing value is anything
        found.update(np.packbits(column.is_valid().to_numpy()).tobytes())
        column = column.drop_null()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        text = column.cast(pa.large_string())
        for chunk in text.chunks:
            offsets = np.frombuffer(chunk.buffers()[1], np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
            if len(chunk):
                found.update(memoryview(chunk.buffers()[2] or b"")[int(offsets[0]) : int(offsets[-1])])
        found.update(np.asarray(pc.binary_length(text).to_numpy()).tobytes())
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        found.update(np.ascontiguousarray(column.to_numpy()).tobytes())
    elif pa.types.is_timestamp(kind):
        found.update(np.ascontiguousarray(column.cast(pa.int64()).to_numpy()).tobytes())
    else:
        found.update(repr(column.to_pylist()).encode("utf-8", "surrogatepass"))


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else str(value)
