"""Rows that left a model's log for Parquet files: which files there are, and how queries still reach them.

Only files that table ``archived`` names are part of the log. What it names and what the log holds change in one transaction, so a
row is in exactly one of the two, whenever the process dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from duckdb import DuckDBPyConnection

from reference_data.windows import Window
from storage.buckets import aware, naive
from storage.names import literal, quote
from storage.rows import first_row, single

MOMENT = timedelta(microseconds=1)  # the least step of time: makes a period of one that includes its end


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file: its path below the folder of archives, and the event times (aware) it covers, the end excluded."""

    path: str
    covers: Window
    rows: int
    bytes: int


def archive_folder(database: Path) -> Path:
    """Return where the archives of a DuckDB file lie: the one folder that it may read beside itself."""
    return database.absolute().parent / "archives"


def folder_of(con: DuckDBPyConnection) -> Path | None:
    """Return the folder of archives of the file that a connection has open; None in memory."""
    path = single(con, "SELECT path FROM duckdb_databases() WHERE database_name = current_database()")
    return None if path is None else archive_folder(Path(path))


def archive_files(con: DuckDBPyConnection, model: str, within: Window | None = None) -> list[ArchiveFile]:
    """Return the files of a model's archive in order of time, only those that reach into ``within`` if it is given."""
    sql = (
        "SELECT file, since, until, rows, bytes FROM archived WHERE model = ? AND action = 'archive' "
        "AND until > coalesce(?, '-infinity'::TIMESTAMP) AND since < coalesce(?, 'infinity'::TIMESTAMP) ORDER BY since, file"
    )
    bounds = [None, None] if within is None else [naive(within.start), naive(within.end)]
    rows = con.execute(sql, [model, *bounds]).fetchall()
    return [ArchiveFile(file, Window(aware(since), aware(until)), n, size) for file, since, until, n, size in rows]


def archived_span(con: DuckDBPyConnection, model: str) -> tuple[datetime, datetime] | None:
    """Return the earliest and latest event time (naive UTC, as stored) that is archived, None for nothing."""
    row = first_row(con, "SELECT min(first), max(last) FROM archived WHERE model = ? AND action = 'archive'", [model])
    return None if row is None or row[0] is None else (row[0], row[1])


def dropped_until(con: DuckDBPyConnection, model: str) -> datetime | None:
    """Return the (aware) event time before which rows were dropped, None if none ever were."""
    row = first_row(con, "SELECT max(until) FROM archived WHERE model = ? AND action = 'drop'", [model])
    return None if row is None or row[0] is None else aware(row[0])


def whole_log(con: DuckDBPyConnection, model: str, within: Window | None = None) -> str:
    """Return the SQL of a relation with all rows of a model's log: the table, and of the archive what reaches into ``within``.

    Columns that an archived file does not have yet are NULL there.
    """
    table = quote(f"log_{model}")
    files = archive_files(con, model, within)
    folder = folder_of(con) if files else None
    if folder is None:
        return table
    paths = ", ".join(literal(str(folder / file.path)) for file in files)
    return (
        f"(SELECT * FROM {table} UNION ALL BY NAME "
        f"SELECT * FROM read_parquet([{paths}], union_by_name = true, hive_partitioning = false))"
    )
