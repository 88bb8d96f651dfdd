"""What :func:`monitors.compare` is given, made into two tables whose columns can be held against each other."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reference_data.inference import infer_columns
from reference_data.schema import Column, ColumnType
from storage.column_profile import Counted, count_text
from storage.column_values import Columns, Held, HeldColumns, Values, parquet_columns
from storage.file_formats.column_types import from_values, type_text
from storage.files import normalise, read_table

_MOSTLY = 0.5  # share of numbers above which a text column is read as numbers with some bad values
_FEW = 50  # distinct numbers up to which they can stand as categories beside text


class CompareError(ValueError):
    """The comparison as a whole cannot be made; the message says what was seen, what is allowed and what to do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One column of both sides in one type, or the reason why there is no such thing.

    Rows come from ``reference.pieces()`` (in bounded memory) or ``reference.whole()`` (as one Arrow column), and are read no sooner.
    ``counted``: how often each value of the reference occurs, where that had to be known to tell the type.
    """

    name: str
    column: Column
    reference: Values | None
    current: Values | None
    notes: tuple[str, ...] = field(default=())
    error: str | None = None
    counted: Counted | None = field(default=None, repr=False, compare=False)


def open_columns(data: Any, side: str) -> tuple[Columns, list[str]]:
    """Return the columns of anything :func:`to_table` reads, and notes; those of Parquet files are read one at a time, when asked for."""
    if isinstance(data, str | os.PathLike):
        stored = parquet_columns(data)
        if stored is not None:
            return stored, []
    table, notes = to_table(data, side)
    return HeldColumns(table), notes


def to_table(data: Any, side: str) -> tuple[pa.Table, list[str]]:
    """Read pandas, Polars, Arrow, a path, a DuckDB relation or anything else that speaks Arrow's C interface.

    Raises :class:`CompareError` for anything else, :class:`storage.files.FileError` for a file that cannot be read.
    """
    if isinstance(data, str | os.PathLike):
        read = read_table(Path(data) if isinstance(data, os.PathLike) else data)
        return read.table, read.notes
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return _from_pandas(data)
    if hasattr(data, "collect") and not hasattr(data, "__arrow_c_stream__"):  # a lazy Polars frame
        data = data.collect()
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if isinstance(data, pa.Table):
        return normalise(data)
    if hasattr(data, "__arrow_c_stream__"):
        return normalise(pa.table(data))
    if isinstance(data, dict):
        return _from_columns([(str(name), list(values)) for name, values in data.items()])
    raise CompareError(
        f"{side}: {type(data).__name__} is not a table; give a pandas or Polars data frame, an Arrow table, a DuckDB relation or a path"
    )


def _from_pandas(frame: Any) -> tuple[pa.Table, list[str]]:
    columns: list[pa.ChunkedArray] = []
    notes: list[str] = []
    names = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    for position, name in enumerate(names):
        series = frame.iloc[:, position]
        try:
            array = pa.array(series, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            array, found = from_values(name, [None if _missing(value) else value for value in series.tolist()])
            notes += found
        columns.append(array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))
    if not columns:
        return pa.table({}), notes
    table, found = normalise(pa.Table.from_arrays(columns, names=names))
    return table, notes + found


def _from_columns(columns: list[tuple[str, list[Any]]]) -> tuple[pa.Table, list[str]]:
    made = [(name, *from_values(name, values)) for name, values in columns]
    if len({len(array) for _, array, _ in made}) > 1:
        raise CompareError("the columns differ in length; give lists of one length")
    notes = [note for _, _, found in made for note in found]
    return pa.Table.from_arrays([array for _, array, _ in made], names=[name for name, _, _ in made]), notes


def _missing(value: Any) -> bool:
    return value is None or (value != value) is True  # noqa: PLR0124 - true of NaN and NaT only


def pair_column(reference: Columns, current: Columns, name: str) -> Pair:
    """Return a column in the one type that both sides can be read in."""
    left, right = _get(reference, name), _get(current, name)
    if left is None or right is None:
        present = right if left is None else left
        held = "the reference" if right is None else "the current data"
        error = f"only {held} has this column, so there is nothing to compare"
        return Pair(name, Column(name, _type(present)[0]), left, right, error=error)
    if left.type == right.type:
        kind, counted = _type(left)
        return Pair(name, Column(name, kind), left, right, counted=counted)
    made = _reconcile(name, left.whole(), right.whole())
    return Pair(name, made.column, Held(made.reference), Held(made.current), made.notes, made.error)


def _get(columns: Columns, name: str) -> Values | None:
    if name not in columns.names:
        return None
    values = columns.column(name)
    if values.null_count == len(values):  # nothing says what its type would be
        return Held(pa.chunked_array([pa.nulls(len(values))]))
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        return Held(_naive(values.whole()))
    return values


def _naive(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times with a zone as times in UTC without one."""
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        return pc.cast(values, pa.timestamp("us"))
    return values


def _type(values: Values | None) -> tuple[ColumnType, Counted | None]:
    """Return a column's type, and the counts of its values where these decide."""
    if values is None:
        return "numeric", None
    if pa.types.is_string(values.type):
        counted = count_text(values)
        return ("text", None) if counted is None else (counted.kind(), counted)
    return infer_columns(pa.table({"x": pa.array([], values.type)}))[0].type, None


@dataclass(frozen=True, slots=True)
class _Made:
    """Two columns brought to one type."""

    column: Column
    reference: pa.ChunkedArray
    current: pa.ChunkedArray
    notes: tuple[str, ...] = ()
    error: str | None = None


def _reconcile(name: str, left: pa.ChunkedArray, right: pa.ChunkedArray) -> _Made:
    """Bring two types together, if that says something sensible."""
    kinds = {_family(left.type), _family(right.type)}
    if "null" in kinds:
        wanted = right.type if _family(left.type) == "null" else left.type
        left, right = pc.cast(left, wanted), pc.cast(right, wanted)
        return _Made(Column(name, _kind(right if left.null_count == len(left) else left)), left, right)
    if kinds in ({"number"}, {"number", "truth"}):
        notes = () if kinds == {"number"} else ("true and false are read as 1 and 0",)
        left, right = (_number(values) for values in (left, right))
        return _Made(Column(name, "numeric"), left, right, notes)
    if "text" in kinds:
        return _with_text(name, left, right)
    error = f"the reference holds {_WORDS[_family(left.type)]}, the current data {_WORDS[_family(right.type)]}; they cannot be compared"
    return _Made(Column(name, _kind(left)), left, right, error=error)


def _kind(values: pa.ChunkedArray) -> ColumnType:
    return infer_columns(pa.table({"x": values}))[0].type


def _number(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(pc.cast(values, pa.int8()) if pa.types.is_boolean(values.type) else values, pa.float64(), safe=False)


def _with_text(name: str, left: pa.ChunkedArray, right: pa.ChunkedArray) -> _Made:
    text_is_left = _family(left.type) == "text"
    text, other = (left, right) if text_is_left else (right, left)
    side = "the reference" if text_is_left else "the current data"
    family = _family(other.type)

    def ordered(made: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        return (made, other) if text_is_left else (other, made)

    if family in {"number", "time"}:
        parsed, bad = _parse(text, family)
        if parsed is not None:
            note = f"{bad:,} values of {side} are not {_WORDS[family]} and count as missing" if bad else ""
            other = _number(other) if family == "number" else other
            return _Made(Column(name, _kind(other)), *ordered(parsed), (note,) if note else ())
    if family != "time" and len(pc.unique(other)) <= _FEW:
        left, right = (pc.cast(values, pa.string()) for values in (left, right))
        note = f"{side} holds text, the other side {_WORDS[family]}: compared as categories"
        return _Made(Column(name, "categorical"), left, right, (note,))
    example = text.drop_null()
    shown = f" (such as {str(example[0].as_py())[:40]!r})" if len(example) else ""
    error = f"{side} holds text{shown} where the other side holds {_WORDS[family]}; clean the column, or read both sides alike"
    return _Made(Column(name, _kind(left)), left, right, error=error)


def _parse(text: pa.ChunkedArray, family: str) -> tuple[pa.ChunkedArray | None, int]:
    """Read text as numbers or times, with what cannot be read as missing; None if that is most of it."""
    held = len(text) - text.null_count
    if family == "time":
        typed, _ = type_text("", text)
        return (_naive(typed), 0) if pa.types.is_timestamp(typed.type) else (None, 0)
    trimmed = pc.utf8_trim_whitespace(text)
    good = pc.match_substring_regex(trimmed, r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|nan)$")
    parsed = pc.cast(pc.if_else(good, trimmed, pa.scalar(None, pa.string())), pa.float64())
    read = len(parsed) - parsed.null_count
    return (parsed, held - read) if held and read > _MOSTLY * held else (None, 0)


_WORDS = {"number": "numbers", "truth": "true and false", "time": "dates or times", "text": "text", "null": "nothing"}


def _family(kind: pa.DataType) -> str:
    types = pa.types
    if types.is_null(kind):
        return "null"
    if types.is_boolean(kind):
        return "truth"
    if types.is_integer(kind) or types.is_floating(kind):
        return "number"
    return "time" if types.is_timestamp(kind) else "text"
