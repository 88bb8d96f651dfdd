"""How much came, when and from which version: small facts that need no profile."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import duckdb

from reference_data.windows import Window
from storage.buckets import aware, naive
from storage.model_tables import label_table, log_table, tables_exist
from storage.rows import single


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


def label_lag(con: duckdb.DuckDBPyConnection, model: str, window: Window) -> float | None:
    """Return the median time from event to label, in seconds, of the served predictions of a window; None without labels.

    Labels that arrived before the window began are of earlier events, and are not looked at: that keeps a long ledger out of it.
    """
    if not tables_exist(con, model):
        return None
    start, end = naive(window.start), naive(window.end)
    found: float | None = single(
        con,
        "SELECT median(epoch(y.at) - epoch(l._event_time)) FROM (SELECT _id, arg_max(_label_time, _seq) AS at "
        f"FROM {label_table(model)} WHERE _arrival_time >= $start GROUP BY _id) AS y JOIN {log_table(model)} AS l "
        "ON l._id = y._id WHERE l._event_time >= $start AND l._event_time < $end AND l._role = 'serving'",
        {"start": start, "end": end},
    )
    return found
