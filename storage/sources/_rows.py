"""What drivers return, as Arrow columns that the model's door takes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

_EXACT = 2**53  # whole numbers below are the same as floats


def to_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows of Python values as a table; a column of mixed kinds becomes text."""
    columns = [_column([row[place] for row in rows]) for place in range(len(names))]
    return pa.table(columns, names=_distinct(names))


def _distinct(names: Sequence[str]) -> list[str]:
    """Drop nothing: a name that comes twice gets a number, which no declaration asks for."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}:{seen[name]}")
    return result


def _column(values: list[Any]) -> pa.Array:
    if any(isinstance(value, Decimal) for value in values):
        return _decimals(values)
    plain = [_plain(value) for value in values]
    try:
        return pa.array(plain)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else _text(value) for value in plain], pa.string())


def _decimals(values: list[Any]) -> pa.Array:
    """Return exact numbers as whole ones if they all are, as decimals if Arrow has them, else as floats."""
    known = [None if value is None else Decimal(value) for value in values]
    if not all(value is None or value.is_finite() for value in known):
        return pa.array([None if value is None else float(value) for value in known], pa.float64())
    try:
        if all(value is None or value == value.to_integral_value() for value in known):
            return pa.array([None if value is None else int(value) for value in known], pa.int64())
        return pa.array(known)
    except (pa.ArrowInvalid, OverflowError):  # more digits than Arrow keeps
        return pa.array([None if value is None else float(value) for value in known], pa.float64())


def _plain(value: Any) -> Any:
    """Return a value that Arrow knows."""
    if isinstance(value, dict | list | tuple | set):
        return json.dumps(list(value) if isinstance(value, set) else value, default=str, ensure_ascii=False)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, time | UUID):
        return str(value)
    return value if isinstance(value, str | int | float | bool | date | None) else str(value)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def from_driver(table: pa.Table) -> pa.Table:
    """Return a driver's Arrow table with nested, binary and interval columns as text; the door takes the rest as it is."""
    columns = []
    for column in table.columns:
        array = column.combine_chunks()
        array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
        exact = getattr(array.type, "type_name", None) == "numeric"  # which ADBC hands over as text
        array = array.storage if isinstance(array, pa.ExtensionArray) else array
        if exact:
            columns.append(_decimals(array.to_pylist()))
        else:
            columns.append(array if _simple(array.type) else _column(array.to_pylist()))
    return pa.table(columns, names=_distinct(table.column_names))


def _simple(kind: pa.DataType) -> bool:
    types = pa.types
    return not (
        types.is_nested(kind) or types.is_interval(kind) or types.is_time(kind) or types.is_duration(kind)
    ) and not (types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def fingerprints(table: pa.Table) -> list[str]:
    """Return 16 hexadecimal digits for each row, the same whatever type its numbers came in."""
    names = sorted(table.column_names)
    columns = [table[name].to_pylist() for name in names]
    head = json.dumps(names)
    return [_digest(head, values) for values in zip(*columns, strict=True)]


def _digest(head: str, values: Iterable[Any]) -> str:
    text = "\x1f".join([head, *map(_canonical, values)])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _canonical(value: Any) -> str:
    if value is None:
        return "\x00"
    if isinstance(value, bool | int | float | Decimal):
        number = float(value)
        return repr(number) if not math.isfinite(number) or abs(number) < _EXACT else str(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat()
    return str(value)
