"""The columns of a table, one at a time: from memory, or from Parquet files of which only that column is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from storage import object_store
from storage.files import FileError, normalise, resolve
from storage.tally import BLOCK

_BATCH = BLOCK  # rows that are decoded at once


class Values(Protocol):
    """One column in one of the few types of :mod:`storage.file_formats.column_types`."""

    @property
    def type(self) -> pa.DataType:
        """Arrow's type."""
        ...

    def __len__(self) -> int: ...

    @property
    def null_count(self) -> int:
        """Number of rows that hold nothing."""
        ...

    def bounds(self) -> tuple[float, float] | None:
        """Return the least and the largest of numbers where that is known without reading them."""
        ...

    def pieces(self) -> Iterator[pa.Array]:
        """Yield the rows in order, some ten thousand at a time; text may be dictionary-encoded."""
        ...

    def whole(self) -> pa.ChunkedArray:
        """Return all rows, text as it is."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A column in memory."""

    values: pa.ChunkedArray

    @property
    def type(self) -> pa.DataType:
        """Arrow's type."""
        return self.values.type

    def __len__(self) -> int:
        return len(self.values)

    @property
    def null_count(self) -> int:
        """Number of rows that hold nothing."""
        return int(self.values.null_count)

    def bounds(self) -> tuple[float, float] | None:
        """Return None: nothing is known that was not looked at."""
        return None

    def pieces(self) -> Iterator[pa.Array]:
        """Yield slices of the chunks: numbers in blocks, text by the chunk."""
        step = len(self.values) or 1 if pa.types.is_string(self.type) else _BATCH
        for chunk in self.values.chunks:
            for start in range(0, len(chunk), step):
                yield chunk.slice(start, step)

    def whole(self) -> pa.ChunkedArray:
        """Return the column."""
        return self.values


@dataclass(frozen=True, slots=True)
class _Stored:
    """A column of Parquet files that all have it in one type."""

    files: Sequence[Any]  # pyarrow.parquet.ParquetFile
    name: str
    place: int
    type: pa.DataType
    rows: int

    def __len__(self) -> int:
        return self.rows

    @property
    def null_count(self) -> int:
        """Number of rows that hold nothing, from the files' own statistics if they have them."""
        found = 0
        for file in self.files:
            for group in range(file.num_row_groups):
                statistics = file.metadata.row_group(group).column(self.place).statistics
                if statistics is None or not statistics.has_null_count:
                    return sum(piece.null_count for piece in self.pieces())
                found += statistics.null_count
        return found

    def bounds(self) -> tuple[float, float] | None:
        """Return what the files' own statistics say, None if one of them says nothing."""
        found: list[float] = []
        for file in self.files:
            for group in range(file.num_row_groups):
                statistics = file.metadata.row_group(group).column(self.place).statistics
                if statistics is None or not statistics.has_min_max:
                    return None
                found += [statistics.min, statistics.max]
        return (min(found), max(found)) if found else None

    def pieces(self) -> Iterator[pa.Array]:
        """Yield decoded batches; text stays dictionary-encoded as it is in the file."""
        text = pa.types.is_string(self.type)
        for file in self.files:
            for batch in file.iter_batches(batch_size=_BATCH, columns=[self.name], use_threads=False):
                values = batch.column(0)
                if (text and pa.types.is_dictionary(values.type)) or values.type == self.type:
                    yield values
                else:
                    yield from _normal(self.name, pa.chunked_array([values])).chunks

    def whole(self) -> pa.ChunkedArray:
        """Return all rows, decoded."""
        chunks = list(self.pieces())
        return _normal(self.name, pa.chunked_array(chunks)) if chunks else pa.chunked_array([], self.type)


def _normal(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return normalise(pa.table({name: values}))[0].column(0)


class Columns(Protocol):
    """The columns of a table."""

    @property
    def names(self) -> list[str]:
        """Names, in order."""
        ...

    @property
    def rows(self) -> int:
        """Number of rows."""
        ...

    def column(self, name: str) -> Values:
        """Return one of them."""
        ...


@dataclass(frozen=True, slots=True)
class HeldColumns:
    """The columns of a table in memory."""

    table: pa.Table

    @property
    def names(self) -> list[str]:
        """Names, in order."""
        return list(self.table.column_names)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    def column(self, name: str) -> Values:
        """Return one of them."""
        return Held(self.table.column(name))


@dataclass(frozen=True, slots=True)
class StoredColumns:
    """The columns of Parquet files."""

    files: Sequence[Any]
    names: list[str]
    types: dict[str, pa.DataType] = field(repr=False)
    rows: int

    def column(self, name: str) -> Values:
        """Return one of them."""
        return _Stored(self.files, name, self.names.index(name), self.types[name], self.rows)


def parquet_columns(source: str | os.PathLike[str]) -> StoredColumns | None:
    """Return the columns of a Parquet file, or several of one schema, to be read one at a time.

    None if ``source`` is anything else, or holds columns that need a look at the whole (nested ones, types that are read as text,
    names that are empty or repeated): such are read by :func:`storage.files.read_table`. Raises :class:`FileError` as that does.
    """
    if os.fspath(source) == "-" or object_store.is_address(os.fspath(source)):
        return None
    paths = resolve(source)
    if not all(_is_parquet(path) for path in paths):
        return None
    import pyarrow.parquet as pq

    try:
        schemas = [pq.read_schema(path) for path in paths]
        types = {entry.name: _plain(entry.type) for entry in schemas[0]}
        names = list(schemas[0].names)
        if any(kind is None for kind in types.values()) or len(types) < len(names) or not all(names):
            return None
        if any(not schema.equals(schemas[0]) for schema in schemas[1:]):
            return None
        texts = [name for name in names if pa.types.is_string(types[name])]
        files = [pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False) for path in paths]
    except (OSError, pa.ArrowException, ValueError):
        return None  # the reader of whole files says what is wrong, in words
    kinds = {name: kind for name, kind in types.items() if kind is not None}
    return StoredColumns(files, names, kinds, sum(file.metadata.num_rows for file in files))


def _is_parquet(path: str) -> bool:
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from None


def _plain(kind: pa.DataType) -> pa.DataType | None:
    """Return the type that values of ``kind`` are read as, None if that is not told by the type alone."""
    types = pa.types
    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if types.is_decimal(kind) or types.is_null(kind) or types.is_nested(kind) or isinstance(kind, pa.ExtensionType):
        return None
    try:
        return normalise(pa.table({"x": pa.array([], kind)}))[0].column(0).type if _readable(kind) else None
    except pa.ArrowException:
        return None


def _readable(kind: pa.DataType) -> bool:
    types = pa.types
    text = types.is_string(kind) or types.is_large_string(kind)
    return bool(
        text or types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_temporal(kind)
    ) and not (types.is_time(kind) or types.is_duration(kind) or types.is_interval(kind))
