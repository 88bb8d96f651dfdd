"""Reading a stranger's file once, and keeping rows spread over all of it."""

from __future__ import annotations

import time
from contextlib import closing

import pyarrow as pa
import pyarrow.compute as pc

from service.wizard.facts import Facts, gather
from storage.errors import StorageError
from storage.files import FileError, Reading, iter_batches

_KEPT = 120_000  # rows that are looked at, at most
_SECONDS = 40.0  # after which the rest of a file is not looked at
_COLUMNS = 2000


def look(path: str, name: str) -> Facts:
    """Return the facts of a file; raises :class:`storage.files.FileError` in words for one that holds no table."""
    begun, rows, every, notes = time.monotonic(), 0, 1, []
    kept: list[pa.Table] = []
    complete = True
    with closing(iter_batches(path)) as blocks:  # type: ignore[type-var]
        for block in blocks:
            notes += [note.replace(path, name) for note in block.notes if note not in notes]
            table = block.table
            if table.num_columns > _COLUMNS:
                raise FileError(
                    f"{name} has {table.num_columns:,} columns, and {_COLUMNS:,} can be set up; leave some out"
                )
            if table.num_rows:
                first = -rows % every
                kept.append(
                    table.take(pa.array(range(first, table.num_rows, every), pa.int64())) if every > 1 else table
                )
                rows += table.num_rows
            if sum(part.num_rows for part in kept) > _KEPT:
                kept = [pa.concat_tables(_alike(kept), promote_options="permissive")]
                kept = [kept[0].take(pa.array(range(0, kept[0].num_rows, 2), pa.int64()))]
                every *= 2
            if time.monotonic() - begun > _SECONDS:
                complete = False
                break
    if not kept:
        raise FileError(f"{name} holds no rows; drop a file with a line of column names and rows below it")
    table = pa.concat_tables(_alike(kept), promote_options="permissive").combine_chunks()
    if not complete:
        notes.append(f"only the first {rows:,} rows were looked at: the file is large")
    return gather(table, rows, _written(path, table), notes)


def _alike(tables: list[pa.Table]) -> list[pa.Table]:
    """Return tables whose columns have the same types: text was typed block by block, and what differs between blocks is text."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for entry in table.schema:
            kinds.setdefault(entry.name, set()).add(entry.type)
    numbers = {pa.int64(), pa.float64(), pa.null()}
    clash = {name for name, found in kinds.items() if len(found - {pa.null()}) > 1 and not found <= numbers}
    if not clash:
        return tables
    return [
        table.cast(pa.schema([pa.field(e.name, pa.string() if e.name in clash else e.type) for e in table.schema]))
        for table in tables
    ]


def _written(path: str, table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Return columns of aware times as they stand in a text file: the reader turns them into UTC, and their offsets tell the zone."""
    aware = [e.name for e in table.schema if pa.types.is_timestamp(e.type) and e.type.tz is not None]
    if not aware:
        return {}
    found: dict[str, list[pa.Array]] = {name: [] for name in aware}
    try:
        with closing(iter_batches(path, reading=Reading(kinds=dict.fromkeys(aware, "categorical")))) as blocks:  # type: ignore[type-var]
            for number, block in enumerate(blocks):
                for name in aware:
                    if name in block.table.column_names and pa.types.is_string(block.table.schema.field(name).type):
                        found[name] += [pc.unique(block.table.column(name))]
                if number >= 20:
                    break
    except (FileError, StorageError):
        return {}
    return {name: pa.chunked_array(parts) for name, parts in found.items() if parts}
