"""What serving processes say of themselves: requests, errors, processor and memory over spans of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from reference_data.windows import Window
from storage.buckets import aware, bucket_sql, bucket_start, naive
from storage.database import Database
from storage.rows import insert

SCHEMA = pa.schema(
    {
        "model": pa.string(),
        "until": pa.timestamp("us"),
        "seconds": pa.float64(),
        "process": pa.string(),
        "model_version": pa.string(),
        "requests": pa.int64(),
        "errors": pa.int64(),
        "cpu_seconds": pa.float64(),
        "memory_bytes": pa.float64(),
        "arrival_time": pa.timestamp("us"),
    }
)
# a report counts where the middle of its span lies: one of a whole day ends where the next day begins
_AT = '"until" - to_microseconds(CAST(seconds * 500000 AS BIGINT))'


class Reported(NamedTuple):
    """What was reported of one window; None where nothing was."""

    requests: int | None
    errors: int | None
    cpu: float | None  # cores in use, of all processes together
    memory: float | None  # bytes: of each process its mean, of all together


def append_reports(db: Database, model: str, rows: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """Append reports and return how many when they are committed; a report that came before is not counted twice.

    Rows have ``until`` (aware), ``seconds``, ``process`` and any of ``model_version``, ``requests``, ``errors``, ``cpu_seconds``, ``memory_bytes``.
    """
    if not rows:
        return 0
    held: dict[str, list[Any]] = {
        "model": [model] * len(rows),
        "until": [naive(row["until"]) for row in rows],
        "arrival_time": [naive(now)] * len(rows),
        **{
            name: [row.get(name) for row in rows]
            for name in SCHEMA.names
            if name not in ("model", "until", "arrival_time")
        },
    }
    table = pa.table(held, schema=SCHEMA)

    def write(con: duckdb.DuckDBPyConnection) -> int:
        earliest, latest = min(held["until"]), max(held["until"])
        known = {
            tuple(row)
            for row in con.execute(
                'SELECT process, "until" FROM service_report WHERE model = ? AND "until" BETWEEN ? AND ?',
                [model, earliest, latest],
            ).fetchall()
        }
        keys = list(zip(held["process"], held["until"], strict=True))
        first = {key: place for place, key in reversed(list(enumerate(keys)))}
        new = sorted(place for key, place in first.items() if key not in known)
        if new:
            insert(con, "service_report", table.take(new))
        return len(new)

    return db.write(write, about=model, came=True)


def reported(con: duckdb.DuckDBPyConnection, model: str, windows: Sequence[Window]) -> dict[datetime, Reported]:
    """Return what was reported of each of ``windows`` (ascending and apart) by its start, where anything was."""
    if not windows:
        return {}
    bucket, inside = bucket_sql(windows, f"({_AT})")
    sql = (
        "SELECT bucket, sum(requests), sum(errors), sum(cpu), sum(memory) FROM (SELECT "
        f"{bucket} AS bucket, process, sum(requests) AS requests, sum(errors) AS errors, "
        "sum(cpu_seconds) / nullif(sum(seconds) FILTER (cpu_seconds IS NOT NULL), 0) AS cpu, "
        "sum(memory_bytes * seconds) / nullif(sum(seconds) FILTER (memory_bytes IS NOT NULL), 0) AS memory "
        f"FROM service_report WHERE model = $model AND ({inside}) GROUP BY ALL) GROUP BY bucket"
    )
    rows = con.execute(sql, {"model": model}).fetchall()
    return {bucket_start(row[0]): Reported(_whole(row[1]), _whole(row[2]), row[3], row[4]) for row in rows}


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def report_span(con: duckdb.DuckDBPyConnection, model: str) -> tuple[datetime, datetime] | None:
    """Return the first and the last moment reports are about (the middles of their spans), None without any."""
    ((first, last),) = con.execute(
        f"SELECT min({_AT}), max({_AT}) FROM service_report WHERE model = ?", [model]
    ).fetchall()
    return None if first is None else (aware(first), aware(last))
