"""Rows too many for memory, put aside in a database file of their own while something is made of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from storage.errors import StorageFullError, is_full

_TABLE = "spilled_rows"
_MEMORY = "1GB"  # what the engine keeps of them in memory; the rest is on disk


class Spilled:
    """Rows on disk, all of the schema of the first block."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Use :func:`spilled`."""
        self.connection = connection
        self.columns: list[str] = []
        self.rows = 0

    def append(self, table: pa.Table) -> None:
        """Add a block; raises :class:`StorageFullError` when the disk is full."""
        made = bool(self.columns)
        self.columns = self.columns or table.column_names
        self.connection.register("block", table)
        try:
            self.connection.execute(
                f"INSERT INTO {_TABLE} BY NAME SELECT * FROM block"
                if made
                else f"CREATE TABLE {_TABLE} AS SELECT * FROM block"
            )
        except duckdb.Error as error:
            if is_full(error):
                raise StorageFullError("the disk is full: there is no room to put the rows aside; make some") from error
            raise
        finally:
            self.connection.unregister("block")
        self.rows += table.num_rows

    def holds(self, column: str) -> bool:
        """Whether a column holds anything but NULL."""
        sql = f"SELECT 1 FROM {_TABLE} WHERE {column} IS NOT NULL LIMIT 1"
        return bool(self.connection.execute(sql).fetchall())

    @property
    def name(self) -> str:
        """The table's name on the connection."""
        return _TABLE


@contextmanager
def spilled(folder: Path) -> Iterator[Spilled]:
    """Open an empty store of rows in ``folder``; it is gone at the end, and sees no other file and no network."""
    with tempfile.TemporaryDirectory(prefix="rows-", dir=folder) as place:
        connection = duckdb.connect(
            str(Path(place) / "rows.duckdb"),
            config={
                "memory_limit": _MEMORY,
                "temp_directory": place,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        try:
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield Spilled(connection)
        finally:
            connection.close()
