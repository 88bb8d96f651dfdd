"""A DuckDB in memory, for a preview or a transformation that leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb
import pyarrow as pa

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
