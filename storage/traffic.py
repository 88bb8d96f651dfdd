"""How much came, when and from which version: small facts that need no profile."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import duckdb

from storage.buckets import aware
from storage.model_tables import log_table, tables_exist


class BucketRows(NamedTuple):
    """Rows of one bucket that one version answered in one role."""

    start: datetime
    model_version: str
    role: str
    rows: int


def bucket_rows(con: duckdb.DuckDBPyConnection, model: str, reference_version: int, part: str) -> list[BucketRows]:
    """Return the rows of every stored bucket, in order of time."""
    sql = (
        "SELECT bucket, model_version, role, n_rows FROM profile WHERE model = ? AND reference_version = ? AND part = ? "
        "AND segment IS NULL ORDER BY bucket, model_version, role"
    )
    rows = con.execute(sql, [model, reference_version, part]).fetchall()
    return [BucketRows(aware(start), version, role, n) for start, version, role, n in rows]


def event_span(con: duckdb.DuckDBPyConnection, model: str) -> tuple[datetime, datetime] | None:
    """Return the earliest and latest event time that was logged, None without rows."""
    if not tables_exist(con, model):
        return None
    (row,) = con.execute(f"SELECT min(_event_time), max(_event_time) FROM {log_table(model)}").fetchall()
    return None if row[0] is None else (aware(row[0]), aware(row[1]))
