"""How much came, when and from which version: small facts that need no profile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from reference_data.windows import Window
from storage.archives import archived_span
from storage.buckets import aware, naive
from storage.model_tables import label_table, log_table, tables_exist
from storage.rows import single

AHEAD = timedelta(days=1)  # event times up to so much after now are of today: clocks differ
REACH = timedelta(days=7305)  # twenty years


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


def rows_ever(con: duckdb.DuckDBPyConnection, model: str) -> int:
    """Return how many rows were ever logged, those that have left the log since too; read from counts alone, however long it is."""
    if not tables_exist(con, model):
        return 0
    held = single(con, f"SELECT count(*) FROM {log_table(model)}")
    gone = single(con, "SELECT coalesce(sum(rows), 0) FROM archived WHERE model = ?", [model])
    return int(held) + int(gone)


def event_span(
    con: duckdb.DuckDBPyConnection, model: str, now: datetime | None = None
) -> tuple[datetime, datetime] | None:
    """Return the earliest and latest event time that was logged, None without rows.

    With ``now``, rows of the future wait for their time to come, and rows of more than :data:`REACH` ago count only where there are
    none later: one row of 1970 or 2199 among those of today must not make a million windows.
    """
    if not tables_exist(con, model):
        return None
    sql = f"SELECT min(_event_time), max(_event_time) FROM {log_table(model)}"
    ((first, last),) = con.execute(sql).fetchall()
    kept = archived_span(con, model)
    if kept is not None:
        first, last = min(first or kept[0], kept[0]), max(last or kept[1], kept[1])
    if now is not None and first is not None and last > naive(now + AHEAD):
        ((first, last),) = con.execute(f"{sql} WHERE _event_time <= ?", [naive(now + AHEAD)]).fetchall()
    if now is not None and first is not None and first < last - REACH:
        ((first, _),) = con.execute(f"{sql} WHERE _event_time BETWEEN ? AND ?", [last - REACH, last]).fetchall()
    return None if first is None else (aware(first), aware(last))


def next_event(con: duckdb.DuckDBPyConnection, model: str, after: datetime) -> datetime | None:
    """Return the earliest event time (aware) later than ``after``, None without any."""
    if not tables_exist(con, model):
        return None
    sql = f"SELECT min(_event_time) FROM {log_table(model)} WHERE _event_time > ?"
    found = single(con, sql, [naive(after)])
    return None if found is None else aware(found)


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


def logged_slots(con: duckdb.DuckDBPyConnection, model: str, span: tuple[datetime, datetime]) -> NDArray[np.int64]:
    """Return the quarters of an hour within a span that hold rows, as microseconds since 1970."""
    sql = (
        f"SELECT DISTINCT epoch_us(_event_time) // 900000000 * 900000000 AS slot FROM {log_table(model)} "
        "WHERE _event_time BETWEEN $first AND $last"
    )
    bounds = {"first": naive(span[0]), "last": naive(span[1])}
    return np.asarray(con.sql(sql, params=bounds).to_arrow_table()["slot"].to_numpy(), dtype=np.int64)
