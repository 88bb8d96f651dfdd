"""A DuckDB in memory, for a comparison or a preview that leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from reference_data.profile import Layout
from storage.derived import Expressions, compile_value
from storage.names import quote

_SETTINGS: dict[str, str | bool] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "temp_directory": "",
}


@contextmanager
def in_memory(
    tables: Mapping[str, pa.Table], limits: Mapping[str, str] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database that sees ``tables`` by name and nothing else: no file, no network, no extension, no change of settings.

    Columns must have names that differ when case is ignored. ``limits`` are further settings, such as ``memory_limit``.
    """
    connection = duckdb.connect(":memory:", config=dict(_SETTINGS))
    try:
        for name, value in (limits or {}).items():
            connection.execute(f"SET {name} = '{value}'")
        connection.execute("SET lock_configuration = true")
        for name, table in tables.items():
            connection.register(name, table)
        yield connection
    finally:
        connection.close()


def singletons(
    cursor: duckdb.DuckDBPyConnection, relation: str, expressions: Expressions, layout: Layout
) -> dict[str, int]:
    """Return, for each nominal column, how many of its values occur exactly once in the relation."""
    found: dict[str, int] = {}
    for entry in layout.columns:
        if not entry.ordered:
            value = compile_value(entry, expressions)
            once = f"SELECT {value} AS v FROM ({relation}) AS r GROUP BY ALL HAVING v IS NOT NULL AND count(*) = 1"
            found[entry.column.name] = _count(cursor, f"SELECT count(*) FROM ({once}) AS s")
    return found


def distinct_days(cursor: duckdb.DuckDBPyConnection, table: str, column: str) -> int:
    """Return on how many calendar days the timestamps of a column lie."""
    return _count(cursor, f"SELECT count(DISTINCT {quote(column)}::DATE) FROM {quote(table)}")


def _count(cursor: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(cursor.execute(sql).fetchall()[0][0])
