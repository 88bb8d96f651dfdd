"""From whatever a column arrives as to the few types that Driftdeck knows.

A table read by this package holds int64, float64, bool, timestamp[us] (naive, or UTC), string, null and vector (list of float64) columns only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.file_formats.errors import listing, shorten

#: Spellings of "no value" in a column whose other values are numbers, dates or truth values. In a text column they stay
#: what they are ("NA" is Namibia).
NULL_WORDS = (
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "#NA",
    "NULL",
    "null",
    "Null",
    "None",
    "none",
    "<NA>",
    "NaT",
    "\\N",
    "?",
    "-",
    ".",
)
_DATE_FORMATS = (
    ("%d.%m.%Y", "day.month.year"),
    ("%m/%d/%Y", "month/day/year"),
    ("%d/%m/%Y", "day/month/year"),
    ("%Y/%m/%d", "year/month/day"),
)
_TIME_FORMATS = ("", " %H:%M", " %H:%M:%S")
_PROBE = 500
#: A number with a decimal comma; points part thousands only, or a date such as 01.02.2024 would be one.
_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)?(,\d*)?([eE][+-]?\d+)?$"
VECTOR = pa.list_(pa.float64())


#: Declared column types by name: numeric, categorical, boolean, datetime, text, embedding.
Kinds = Mapping[str, str]


def type_declared(values: pa.ChunkedArray, kind: str, *, decimal_comma: bool = False) -> pa.ChunkedArray:
    """Return a column of text as what its declared type makes of it; values that do not fit stay as they are, in a column of text.

    Categories and texts stay as they are written.
    """
    arrow = {"numeric": pa.float64(), "datetime": pa.timestamp("us"), "boolean": pa.bool_()}.get(kind)
    if arrow is None or values.null_count == len(values):
        return values
    if kind != "boolean" and (found := _cast(values, arrow)) is not None:
        return found
    trimmed = pc.utf8_trim_whitespace(values)
    blank = pc.or_(pc.equal(trimmed, ""), pc.is_in(trimmed, pa.array(NULL_WORDS)))
    plain = pc.if_else(blank, pa.scalar(None, pa.string()), trimmed)
    attempts = {"numeric": _numbers(decimal_comma=decimal_comma), "boolean": _truth, "datetime": _dates("")}
    if (done := attempts[kind](plain)) is not None:
        return done[0]
    if kind == "numeric" and decimal_comma:
        local = pc.match_substring_regex(plain, r"^[+-]?\d{1,3}(\.?\d{3})*(,\d+)?$|^[+-]?\d+,\d+$")
        swapped = pc.replace_substring(pc.replace_substring(plain, ".", ""), ",", ".")
        return pc.if_else(local, swapped, plain)
    return _readable_dates(plain) if kind == "datetime" else plain


def _readable_dates(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write the dates of a column with a few that are none in ISO 8601: in the format that fits most of them."""
    best, held = values, 0
    for day, _ in _DATE_FORMATS:
        for time in _TIME_FORMATS:
            parsed = pc.strptime(values, format=day + time, unit="us", error_is_null=True)
            if (fits := len(parsed) - parsed.null_count) > held:
                best, held = pc.coalesce(parsed.cast(pa.string()), values), fits
    return best


def type_text(name: str, values: pa.ChunkedArray, *, decimal_comma: bool = False) -> tuple[pa.ChunkedArray, list[str]]:
    """Return a column of text as the narrowest type that *all* of its values fit, and what there is to say about it.

    Tried in order: integer, number, truth value, date or time, text. A column with nothing in it becomes null.
    """
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values))]), []
    trimmed = pc.utf8_trim_whitespace(values)
    blank = pc.or_(pc.equal(trimmed, ""), pc.is_in(trimmed, pa.array(NULL_WORDS)))
    plain = pc.if_else(blank, pa.scalar(None, pa.string()), trimmed)
    if plain.null_count < len(plain):
        probe = plain.drop_null().slice(0, _PROBE)
        for attempt in (_numbers(decimal_comma=decimal_comma), _truth, _dates(name)):
            if attempt(probe) is not None and (found := attempt(plain)) is not None:
                return found
    return values, _mixture(name, plain, decimal_comma=decimal_comma)


_Attempt = Callable[[pa.ChunkedArray], tuple[pa.ChunkedArray, list[str]] | None]


def _cast(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        return pc.cast(values, kind)
    except pa.ArrowInvalid:
        return None


def _numbers(*, decimal_comma: bool) -> _Attempt:
    def attempt(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[str]] | None:
        for kind in (pa.int64(), pa.float64()):
            if (found := _cast(values, kind)) is not None:
                return found, []
        if decimal_comma and pc.all(pc.match_substring_regex(values, _COMMA), min_count=0).as_py():
            swapped = pc.replace_substring(pc.replace_substring(values, ".", ""), ",", ".")
            if (found := _cast(swapped, pa.float64())) is not None:
                return found, []
        return None

    return attempt


def _truth(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[str]] | None:
    lower = pc.utf8_lower(values)
    known = pc.is_in(lower.drop_null(), pa.array(["true", "false"]))
    return (pc.equal(lower, "true"), []) if pc.all(known, min_count=0).as_py() else None


def _dates(name: str) -> _Attempt:
    def attempt(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[str]] | None:
        for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
            if (found := _cast(values, kind)) is not None:
                return found, []
        for kind in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):  # as pandas writes them; cut to microseconds
            if (found := _cast(values, kind)) is not None:
                return pc.cast(found, pa.timestamp("us", kind.tz), safe=False), []
        for day, words in _DATE_FORMATS:
            for time in _TIME_FORMATS:
                parsed = pc.strptime(values, format=day + time, unit="us", error_is_null=True)
                if parsed.null_count == values.null_count:
                    return parsed, [f"column {name!r}: dates read as {words}"]
        return None

    return attempt


def _mixture(name: str, plain: pa.ChunkedArray, *, decimal_comma: bool) -> list[str]:
    """Say so if a text column is mostly numbers."""
    looks = pc.match_substring_regex(plain, r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$")
    numbers = pc.sum(looks).as_py() or 0
    others = len(plain) - plain.null_count - numbers
    if not numbers or numbers < others:
        return []
    example = pc.filter(plain, pc.invert(looks)).drop_null()
    shown = f", such as {shorten(example[0].as_py())!r}" if len(example) else ""
    comma = "" if decimal_comma or len(example) else " (perhaps with decimal commas)"
    return [f"column {name!r} mixes {numbers:,} numbers with {others:,} other values{shown}{comma}; it is read as text"]


def from_values(name: str, values: Sequence[Any], *, declared: bool = False) -> tuple[pa.ChunkedArray, list[str]]:
    """Return Python values (from JSON) as a column; values of different kinds, lists and objects become text.

    Text of a ``declared`` column is left for the declaration to read.
    """
    kinds = {type(value) for value in values if value is not None}
    notes: list[str] = []
    if kinds <= {int, float}:
        return pa.chunked_array([_numeric(values, kinds)]), notes
    if kinds == {bool}:
        return pa.chunked_array([pa.array(values, pa.bool_())]), notes
    if kinds == {str}:
        column = pa.chunked_array([pa.array([_clean(value) for value in values], pa.string())])
        return type_text(name, column) if not declared and _temporal(column) else (column, notes)
    if kinds == {list} and (vectors := _vectors(values)) is not None:
        return vectors, notes
    if kinds & {list, dict}:
        notes.append(f"column {name!r} holds lists or objects; it is read as text")
    elif kinds:
        words = ", ".join(sorted(kind.__name__ for kind in kinds))
        notes.append(f"column {name!r} mixes types ({words}); it is read as text")
    texts = [None if v is None else v if isinstance(v, str) else _as_text(v) for v in values]
    return pa.chunked_array([pa.array([_clean(text) for text in texts], pa.string())]), notes


def _numeric(values: Sequence[Any], kinds: set[type]) -> pa.Array:
    if float not in kinds:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, OverflowError):  # integers beyond 64 bits
            pass
    return pa.array([None if value is None else _float(value) for value in values], pa.float64())


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _vectors(values: Sequence[Any]) -> pa.ChunkedArray | None:
    """Return lists as vectors, None if any of them holds anything but numbers and nulls, or all of them nothing."""
    held = [item for value in values if value is not None for item in value if item is not None]
    if not held or any(type(item) not in (int, float) for item in held):
        return None
    try:
        return pa.chunked_array([pa.array(values, VECTOR)])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None


def _clean(text: str | None) -> str | None:
    """Drop half characters (lone surrogates), which JSON may spell but UTF-8 may not."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")


def _temporal(column: pa.ChunkedArray) -> bool:
    first = column.drop_null()
    return len(first) > 0 and _dates("")(first.slice(0, _PROBE)) is not None


def normalise(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Return any Arrow table with unique names and the few types above, and what there is to say about it."""
    names, notes = unique_names(table.column_names)
    columns = []
    for name, column in zip(names, table.columns, strict=True):
        converted, found = _normal_column(name, column)
        columns.append(converted)
        notes += found
    if not columns:  # a table without columns still has rows
        return table, notes
    return pa.table(dict(zip(names, columns, strict=True))), notes


def _normal_column(name: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[str]]:
    kind = column.type
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_dictionary(kind):
        return _normal_column(name, pc.cast(column, kind.value_type))
    if isinstance(kind, pa.ExtensionType):
        return _normal_column(name, pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    wanted = _wanted(kind)
    if wanted is not None:
        try:
            return (column if kind == wanted else pc.cast(column, wanted, safe=False)), []
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    if pa.types.is_duration(kind):
        seconds = pc.divide(pc.cast(pc.cast(pc.cast(column, pa.duration("ns")), pa.int64()), pa.float64()), 1e9)
        return seconds, [f"column {name!r}: durations are read in seconds"]
    texts = [None if value is None else _as_text(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())]), [
        f"column {name!r} of type {shorten(kind, 40)} is read as text"
    ]


def _wanted(kind: pa.DataType) -> pa.DataType | None:
    types = pa.types
    if types.is_null(kind) or types.is_boolean(kind):
        return kind
    if types.is_uint64(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return pa.float64()
    if types.is_integer(kind):
        return pa.int64()
    if types.is_string(kind) or types.is_large_string(kind) or kind == pa.string_view():
        return pa.string()
    if types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    if types.is_date(kind):
        return pa.timestamp("us")
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = kind.value_type
        return VECTOR if types.is_floating(inner) or types.is_integer(inner) else None
    return None


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool | int | float | list | dict):
        try:
            return json.dumps(value, sort_keys=True, default=str)
        except (TypeError, ValueError):  # keys that JSON has not, or a circle
            pass
    return str(value)


def is_pandas_index(name: str) -> bool:
    """Whether a column is what pandas writes of a frame's index without a name."""
    return name.startswith("__index_level_") and name.endswith("__")


def index_note(names: list[str]) -> str:
    """Return what there is to say of such columns."""
    return f"{listing(names)} is left out: pandas wrote a frame's index there; declare it if it is a column of yours"


def unique_names(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return ``names`` without empty ones and duplicates, and what was changed.

    >>> unique_names(["a", "", "a"])[0]
    ['a', 'column_2', 'a_2']
    """
    given = [str(name) for name in names]
    taken = set(given)
    seen: set[str] = set()
    result: list[str] = []
    renamed: list[str] = []
    for position, name in enumerate(given, start=1):
        final = name
        if not final:
            final = _free(f"column_{position}", taken)
        elif final in seen:
            count = 2
            while f"{name}_{count}" in taken:
                count += 1
            final = f"{name}_{count}"
        if final != name:
            renamed.append(final)
        seen.add(final)
        taken.add(final)
        result.append(final)
    notes = (
        [f"columns without a name of their own (empty or repeated) are called {listing(renamed)}"] if renamed else []
    )
    return result, notes


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
