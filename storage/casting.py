"""Columns of a stranger's values cast to the types of a model, all at once where they allow it, value by value where not.

A column is an Arrow array or a list of Python objects. What cannot be cast becomes NULL and is reported by its row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Values = Any  # pa.Array | pa.ChunkedArray | list[object]
Problems = dict[int, str]  # row -> the value seen, as text

TIMESTAMP = pa.timestamp("us")
EXPECTED = {
    "numeric": "a number",
    "categorical": "text, a number or true/false",
    "text": "text, a number or true/false",
    "boolean": "true or false",
    "datetime": "an ISO 8601 time such as '2013-01-31T05:00:00-05:00'",
    "embedding": "a list of numbers",
}
ARROW_TYPES = {
    "numeric": pa.float64(),
    "categorical": pa.string(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "datetime": TIMESTAMP,
    "embedding": pa.list_(pa.float64()),
}
_TRUE, _FALSE = {"true", "t", "yes", "y", "1"}, {"false", "f", "no", "n", "0"}


def cast(values: Values, kind: str, timezone: str) -> tuple[pa.Array, Problems]:
    """Cast a column to ``kind``, a column type; times without a zone are in ``timezone``.

    Numbers keep NaN and infinities; categories become text (1 and 1.0 both ``"1"``, NaN is missing); times become naive UTC. A
    local time that the clocks skip is moved to the end of the gap, one that they repeat is its first occurrence.
    """
    if isinstance(values, list):
        return _cast_list(values, kind, timezone)
    array = _plain(values)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), ARROW_TYPES[kind]), {}
    try:
        return _cast_array(array, kind, timezone), {}
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return _cast_distinct(array, kind, timezone)


def texts(values: Sequence[object]) -> pa.Array:
    """Return Python values as texts, NULL for what is missing or has no text."""
    return _cast_list([None if missing(value) else value for value in values], "text", "UTC")[0]


def missing(value: Any) -> bool:
    """Whether a value is pandas' mark of a missing one: NaN, NaT or pandas.NA, told without importing pandas."""
    if isinstance(value, float | datetime):
        return bool(value != value)  # noqa: PLR0124
    return type(value).__name__ == "NAType"


def shown(value: object) -> str:
    """Return a value as a person may want to see it in a message: not too long, and always text that can be stored."""
    try:
        text = value if isinstance(value, str) else str(value)
    except ValueError:  # a whole number of thousands of digits
        text = f"a very large {type(value).__name__}"
    text = text if len(text) <= 200 else text[:199] + "…"
    return text.encode("utf-8", "backslashreplace").decode()


# -- all at once -------------------------------------------------------------------------------------------------------
def _plain(values: Any) -> pa.Array:
    """One array instead of chunks, decoded, with one kind of string."""
    array = values
    if isinstance(values, pa.ChunkedArray):  # one chunk is taken as it is: combining would copy it
        array = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # too large for one array of its type
        array = pa.concat_arrays([chunk.cast(pa.large_string()) for chunk in array.chunks])
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_string_view(array.type) or pa.types.is_large_string(array.type):
        array = array.cast(pa.string())
    return array


def _cast_array(array: pa.Array, kind: str, timezone: str) -> pa.Array:
    """Cast, or raise an Arrow error if that needs a look at each value."""
    if kind == "numeric":
        return _numbers(array)
    if kind == "datetime":
        return _times(array, timezone)
    if kind == "embedding":
        return array.cast(pa.list_(pa.float64()), safe=False)
    if kind == "boolean":
        if pa.types.is_boolean(array.type):
            return array
    elif pa.types.is_string(array.type):
        return array
    elif pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
        return array.cast(pa.string())
    elif pa.types.is_list(array.type):  # as files have always brought them into a column of text
        return pa.array([None if value is None else json.dumps(value) for value in array.to_pylist()], pa.string())
    raise pa.ArrowNotImplementedError("value by value")


def _numbers(array: pa.Array) -> pa.Array:
    if pa.types.is_string(array.type):
        trimmed = pc.utf8_trim_whitespace(array)
        return pc.if_else(pc.equal(trimmed, ""), None, trimmed).cast(pa.float64())
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_boolean(array.type):
        return array.cast(pa.float64(), safe=False)
    if pa.types.is_decimal(array.type):
        return array.cast(pa.float64())
    raise pa.ArrowNotImplementedError("value by value")


def _times(array: pa.Array, timezone: str) -> pa.Array:
    if pa.types.is_date(array.type):
        array = array.cast(TIMESTAMP)
    if pa.types.is_timestamp(array.type):
        if array.type.tz is not None:
            return array.cast(pa.timestamp("us", "UTC"), safe=False).cast(TIMESTAMP)
        return _localise(array.cast(TIMESTAMP, safe=False), timezone)
    if pa.types.is_string(array.type):
        trimmed = pc.utf8_trim_whitespace(array)
        filled = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
        try:
            return _localise(filled.cast(TIMESTAMP), timezone)
        except pa.ArrowInvalid:
            return filled.cast(pa.timestamp("us", "UTC")).cast(TIMESTAMP)
    raise pa.ArrowNotImplementedError("value by value")


def _localise(naive: pa.Array, timezone: str) -> pa.Array:
    if timezone == "UTC":
        return naive
    aware = pc.assume_timezone(naive, timezone, ambiguous="earliest", nonexistent="latest")
    return aware.cast(TIMESTAMP)


# -- value by value ----------------------------------------------------------------------------------------------------
def _cast_distinct(array: pa.Array, kind: str, timezone: str) -> tuple[pa.Array, Problems]:
    """Look at each distinct value once."""
    try:
        encoded = array.dictionary_encode()
    except pa.ArrowNotImplementedError:
        return _cast_list(array.to_pylist(), kind, timezone)
    values, problems = _cast_list(encoded.dictionary.to_pylist(), kind, timezone)
    result = values.take(encoded.indices)
    if not problems:
        return result, {}
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(np.isin(indices, list(problems)))
    return result, {int(row): problems[int(indices[row])] for row in rows}


def _cast_list(values: Sequence[object], kind: str, timezone: str) -> tuple[pa.Array, Problems]:
    if kind == "datetime":
        return _cast_times(values, timezone)
    kinds = set(map(type, values))
    if kind == "numeric" and kinds <= {float, type(None)}:
        return pa.array(values, pa.float64()), {}
    convert, problems = _CONVERT[kind], {}
    result: list[Any] = []
    for row, value in enumerate(values):
        try:
            result.append(convert(value))
        except (ValueError, TypeError, OverflowError):
            result.append(None)
            problems[row] = shown(value)
    return pa.array(result, ARROW_TYPES[kind]), problems


def _cast_times(values: Sequence[object], timezone: str) -> tuple[pa.Array, Problems]:
    local: list[datetime | None] = []
    absolute: list[datetime | None] = []
    problems: Problems = {}
    for row, value in enumerate(values):
        moment = None
        try:
            moment = _time(value)
            if moment is not None and moment.tzinfo is not None:
                moment = moment.astimezone(UTC)
        except (ValueError, TypeError, OverflowError):
            problems[row] = shown(value)
            moment = None
        is_local = moment is not None and moment.tzinfo is None
        local.append(moment if is_local else None)
        absolute.append(None if moment is None or is_local else moment.replace(tzinfo=None))
    return pc.coalesce(_localise(pa.array(local, TIMESTAMP), timezone), pa.array(absolute, TIMESTAMP)), problems


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if "_" in text:
            raise ValueError(text)
        return float(text) if text else None
    if isinstance(value, bool | int | float | Decimal | np.number | np.bool_):
        return float(value)
    raise TypeError(value)


def as_text(value: object) -> str | None:
    """Return a category, an id or a text in its one spelling; raises :class:`TypeError` for what has none."""
    if value is None:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        number = float(value)
        if math.isnan(number):
            return None
        return str(int(value)) if number.is_integer() and abs(number) < 1e18 else str(value)
    if isinstance(value, int | UUID):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(value)


def _boolean(value: object) -> bool | None:
    text = as_text(value)
    if text is None or not text.strip():
        return None
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(text)


def _time(value: object) -> datetime | None:
    if value is None or value != value:  # noqa: PLR0124  (NaT and NaN)
        return None
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str):
        return datetime.fromisoformat(value.strip()) if value.strip() else None
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  (given its zone later)
    raise TypeError(value)


def _vector(value: object) -> list[float | None] | None:
    if isinstance(value, str):
        value = json.loads(value)
    if value is None:
        return None
    if isinstance(value, list | tuple | np.ndarray):
        return [_number(item) for item in value]
    raise TypeError(value)


_CONVERT: dict[str, Callable[[object], Any]] = {
    "numeric": _number,
    "categorical": as_text,
    "text": as_text,
    "boolean": _boolean,
    "embedding": _vector,
}
