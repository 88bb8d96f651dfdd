"""Rows out of DuckDB and Arrow tables into it, without leaving anything behind on the connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from storage.names import quote


def first_row(
    con: DuckDBPyConnection, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> tuple[Any, ...] | None:
    """Return the first row, None if there is none. The result is fetched to its end: an unfinished one blocks the connection."""
    rows = con.execute(sql, parameters).fetchall()
    return rows[0] if rows else None


def single(con: DuckDBPyConnection, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
    """Return the one value of a query that always has one, such as a count or a maximum."""
    row = first_row(con, sql, parameters)
    assert row is not None
    return row[0]


@contextmanager
def registered(con: DuckDBPyConnection, table: pa.Table, name: str = "arriving") -> Iterator[str]:
    """Make an Arrow table known under a name, which is given back, for the length of a block."""
    con.register(name, table)
    try:
        yield name
    finally:
        con.unregister(name)


def insert(con: DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert rows into the columns of their names; ``table`` is quoted already."""
    if rows.num_rows:
        columns = ", ".join(quote(name) for name in rows.column_names)
        with registered(con, rows) as name:
            con.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {name}")
