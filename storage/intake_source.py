"""The forms in which rows may arrive, brought to columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from storage.casting import Values, missing

_NESTED = ("features", "context")


class Source(Protocol):
    """Columns by name; inputs may have a name space of their own."""

    @property
    def rows(self) -> int: ...

    @property
    def broken(self) -> tuple[int, ...]:
        """Return the rows that are no rows at all."""

    def field(self, *names: str | None) -> tuple[str, Values] | None:
        """Return the first of these columns that there is, with its name."""

    def input(self, name: str) -> Values | None:
        """Return a declared input, or None if there is no such column."""

    def names(self) -> Iterable[str]:
        """Return the names of all columns."""

    def row(self, index: int) -> Mapping[str, Any]:
        """Return one row as it came, for whoever wants to repair it."""


@dataclass(frozen=True, slots=True)
class TableSource:
    """Columns of a table or frame."""

    rows: int
    columns: Mapping[str, Values]
    broken: tuple[int, ...] = ()

    def field(self, *names: str | None) -> tuple[str, Values] | None:
        return next(((name, self.columns[name]) for name in names if name is not None and name in self.columns), None)

    def input(self, name: str) -> Values | None:
        return self.columns.get(name)

    def names(self) -> Iterable[str]:
        return (name for name in self.columns if not name.startswith("__index_level_"))

    def row(self, index: int) -> Mapping[str, Any]:
        return {name: _python(self.columns[name][index]) for name in self.names()}


class RowSource:
    """A list of objects: flat ones, or with their inputs under ``features`` (and ``context``)."""

    def __init__(self, rows: Sequence[object]) -> None:
        self.rows = len(rows)
        self.broken = tuple(index for index, row in enumerate(rows) if not isinstance(row, Mapping))
        self._outer: list[Mapping[str, Any]] = [row if isinstance(row, Mapping) else {} for row in rows]
        self._inner = [_inputs(row) for row in self._outer]
        self._names = {str(name) for row in self._outer for name in row}
        self._input_names = {str(name) for row in self._inner for name in row}

    def field(self, *names: str | None) -> tuple[str, Values] | None:
        """Return, for each row, the first of these fields that it has: rows of several senders may come together."""
        there = [name for name in names if name is not None and name in self._names]
        if not there:
            return None
        if len(there) == 1:
            return there[0], [row.get(there[0]) for row in self._outer]
        return there[0], [next((row[name] for name in there if name in row), None) for row in self._outer]

    def input(self, name: str) -> Values | None:
        return [row.get(name) for row in self._inner] if name in self._input_names else None

    def names(self) -> Iterable[str]:
        return (self._names - set(_NESTED)) | self._input_names

    def row(self, index: int) -> Mapping[str, Any]:
        """Return one row as it came; nothing of what is no row."""
        return self._outer[index]


def _python(value: Any) -> Any:
    return value.as_py() if isinstance(value, pa.Scalar) else value


def _inputs(row: Mapping[str, Any]) -> Mapping[str, Any]:
    nested = [row[name] for name in _NESTED if isinstance(row.get(name), Mapping)]
    if not nested:
        return row
    merged: dict[str, Any] = {}
    for part in nested:
        merged.update(part)
    return merged


def open_source(data: Any) -> Source:
    """Take in an Arrow table, batch or reader, a pandas or Polars frame (or whatever speaks Arrow), or a list of objects.

    pandas has one mark for missing and not-a-number, so NaN in a pandas frame counts as missing. Raises :class:`TypeError` for
    anything else.
    """
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return RowSource(data)
    if isinstance(data, pa.RecordBatchReader):
        data = data.read_all()
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    table = data
    if not isinstance(table, pa.Table):
        if not hasattr(data, "__arrow_c_stream__"):
            raise TypeError(
                f"rows cannot be read from a {type(data).__name__}; give an Arrow table, a pandas or Polars frame, or a list "
                "of objects"
            )
        try:
            table = pa.table(data)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError):
            return _object_frame(data)
    columns: dict[str, Values] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        columns.setdefault(name, column)
    return TableSource(table.num_rows, columns)


def _object_frame(frame: Any) -> Source:
    """A pandas frame with columns of mixed types: those are looked at value by value."""
    columns: dict[str, Values] = {}
    for position, name in enumerate(frame.columns):
        series = frame.iloc[:, position]
        try:
            values = pa.array(series, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError, OverflowError):
            values = [None if missing(value) else value for value in series.tolist()]
        columns.setdefault(str(name), values)
    return TableSource(len(frame), columns)
