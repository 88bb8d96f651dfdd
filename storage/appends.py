"""Appending predictions: once each, with the buckets they touch marked dirty in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from reference_data.declaration import ModelSpec
from reference_data.windows import Window, WindowSpec
from storage.append_common import (
    HELD,
    HORIZON,
    SLACK,
    Also,
    AppendResult,
    Key,
    answered,
    hash_rows,
    mark,
    microseconds,
    numbered,
    recent_ids,
    remember,
    touched_buckets,
)
from storage.archives import MOMENT, whole_log
from storage.buckets import aware, naive
from storage.database import Database
from storage.errors import QueueFullError, StorageError
from storage.faults import fault_point
from storage.intake import Intake
from storage.model_tables import log_table, prepare_model
from storage.recent_ids import Hashes, RecentIds, repeated
from storage.repeats import keep_repeats
from storage.rows import insert, registered, single

_BLOCK = 10_000  # rows; fewer are not worth sorting

_BATCH = 1 << 20  # hashes read at a time


@dataclass(frozen=True, slots=True)
class Arrival:
    """One append on its way to the writer."""

    intake: Intake
    key: Key | None = None
    also: Also | None = None


def append_log(
    db: Database,
    spec: ModelSpec,
    intake: Intake,
    now: datetime,
    bucket_spec: WindowSpec,
    *,
    key: Key | str | None = None,
    also: Also | None = None,
    patience: float = 30.0,
) -> AppendResult:
    """Append predictions, each (id, model version) once, and return when they are committed.

    A row is a duplicate if one of the same id and version was logged with an event time within :data:`HORIZON` of its own. ``key``: a
    repeated append of the same key is answered as the first one was. ``bucket_spec`` says which buckets get dirty; ``also``
    is committed with the rows; ``patience`` is as in :meth:`Database.write`. Appends that wait at the same time are done together.
    """
    arrival = Arrival(intake, Key.of(key), also)
    (found,) = append_logs(db, spec, [arrival], now, bucket_spec, patience=patience)
    if isinstance(found, Exception):
        raise found
    return found


def append_logs(
    db: Database,
    spec: ModelSpec,
    arrivals: Sequence[Arrival],
    now: datetime,
    bucket_spec: WindowSpec,
    *,
    patience: float = 30.0,
) -> list[AppendResult | Exception]:
    """Do several appends as one and return what became of each, or why it could not be done; one that fails leaves the others alone.

    Else as :func:`append_log`.
    """
    prepare_model(db, spec)
    columns = [name for name in arrivals[0].intake.table.column_names if name != "_label"]

    def write(con: DuckDBPyConnection, groups: list[list[Arrival]]) -> list[list[AppendResult]]:
        written = iter(_write(db, con, spec.name, bucket_spec, now, [arrival for group in groups for arrival in group]))
        return [[next(written) for _ in group] for group in groups]

    def submit(group: list[Arrival]) -> list[AppendResult]:
        kind = ("log", spec.name, tuple(columns), bucket_spec)
        return db.write_together(kind, write, group, patience=patience, about=spec.name, came=True)

    narrow = [replace(each, intake=replace(each.intake, table=each.intake.table.select(columns))) for each in arrivals]
    try:
        return [*submit(narrow)]
    except QueueFullError as error:
        return [error] * len(narrow)
    except Exception as error:  # told to whom it concerns
        return [error] if len(narrow) == 1 else [_one(submit, arrival) for arrival in narrow]


def _one(submit: Callable[[list[Arrival]], list[AppendResult]], arrival: Arrival) -> AppendResult | Exception:
    try:
        return submit([arrival])[0]
    except Exception as error:  # told to whom it concerns
        return error


def _in_order(table: pa.Table) -> pa.Table:
    """Return many rows in order of event time, which lets the engine pass over blocks of them later."""
    if table.num_rows < _BLOCK:
        return table
    times = microseconds(table["_event_time"])
    return table.take(pa.array(np.argsort(times, kind="stable"))) if (times[1:] < times[:-1]).any() else table


def _write(
    db: Database,
    con: DuckDBPyConnection,
    model: str,
    bucket_spec: WindowSpec,
    now: datetime,
    arrivals: list[Arrival],
) -> list[AppendResult]:
    """Write appends in one go, inside of a transaction, and return what became of each."""
    earlier = answered(db, con, model, "log", [arrival.key for arrival in arrivals], now)
    new = [arrival for arrival, answer in zip(arrivals, earlier, strict=True) if answer is None]
    written = iter(_write_new(db, con, model, bucket_spec, now, new) if new else [])
    return [answer or next(written) for answer in earlier]


def _write_new(
    db: Database,
    con: DuckDBPyConnection,
    model: str,
    bucket_spec: WindowSpec,
    now: datetime,
    arrivals: list[Arrival],
) -> list[AppendResult]:
    names = [arrival.key.name for arrival in arrivals if arrival.key is not None]
    if len(set(names)) < len(names):  # each is then written by itself, and the second finds the first one's answer
        raise StorageError("the same idempotency key came twice at the same time")
    sizes = [arrival.intake.table.num_rows for arrival in arrivals]
    tables = [arrival.intake.table for arrival in arrivals]
    # single rows are made one block, which the engine reads much faster than hundreds
    joined = pa.concat_tables(tables)
    batch = numbered(joined.combine_chunks() if joined.num_rows < _BLOCK and len(tables) > 1 else joined)
    hashes = hash_rows(con, batch, "hash(_id, _model_version)")
    again, same = _repetitions(batch, repeated(hashes))
    known, alike = _known_predictions(db, con, model, batch, hashes)
    known, other = known | again, (known & ~alike) | (again & ~same)
    fresh = batch.filter(pa.array(~known)) if known.any() else batch
    insert(con, log_table(model), _in_order(fresh.drop_columns(["_row"])))
    for arrival in arrivals:
        if arrival.also is not None:
            arrival.also(con)
    fault_point("append.after_rows")
    starts = touched_buckets(microseconds(fresh["_event_time"]), bucket_spec)
    mark(con, model, ("inputs", "outcomes"), starts)
    if known.any():
        keep_repeats(con, model, microseconds(batch["_event_time"])[known], other[known], bucket_spec, now)
    results, first = [], 0
    for arrival, size in zip(arrivals, sizes, strict=True):
        duplicates = int(known[first : first + size].sum())
        result = AppendResult.of(size - duplicates, duplicates, arrival.intake.rejected)
        remember(con, model, "log", arrival.key, now, result, arrival.intake.rejected, arrival.intake.origin)
        results.append(result)
        first += size
    return results


# -- predictions that are known already --------------------------------------------------------------------------------
def _repetitions(batch: pa.Table, suspects: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows have the id of an earlier row of the batch, and which of these its event time too.

    ``suspects`` are rows whose hash occurs more than once.
    """
    again, same = (np.zeros(batch.num_rows, dtype=np.bool_) for _ in range(2))
    part = batch.select(["_id", "_model_version"]).take(pa.array(suspects))
    times = microseconds(batch["_event_time"])[suspects]
    seen: dict[tuple[str, str], int] = {}
    pairs = zip(part["_id"].to_pylist(), part["_model_version"].to_pylist(), strict=True)
    for row, pair, time in zip(suspects.tolist(), pairs, times.tolist(), strict=True):
        again[row] = pair in seen
        same[row] = seen.setdefault(pair, time) == time
    return again, same


def _known_predictions(
    db: Database, con: DuckDBPyConnection, model: str, batch: pa.Table, hashes: Hashes
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows of the batch are in the log by their ids, and which of these by their event times too.

    The filter answers for most, a look-up pruned by event time for the rest.
    """
    known, alike = (np.zeros(batch.num_rows, dtype=np.bool_) for _ in range(2))
    if not batch.num_rows:
        return known, alike
    recent = _recent_predictions(db, con, model)
    held = recent.holds(hashes)
    times = batch["_event_time"]
    low, high = pc.min(times).as_py() - HORIZON, pc.max(times).as_py() + HORIZON
    found: list[tuple[int, bool]] = []
    if held.any():
        found += _look_up(con, model, batch.filter(pa.array(held)), low, high)
    if low < recent.complete_since and not held.all():
        found += _look_up(con, model, batch.filter(pa.array(~held)), low, min(high, recent.complete_since))
    recent.add(hashes)
    for row, same in found:
        known[row], alike[row] = True, same
    return known, alike


def _look_up(
    con: DuckDBPyConnection, model: str, batch: pa.Table, low: datetime, high: datetime
) -> list[tuple[int, bool]]:
    log = whole_log(con, model, Window(aware(low), aware(high) + MOMENT))
    with registered(con, batch.select(["_row", "_id", "_model_version", "_event_time"])) as name:
        return con.execute(
            f"SELECT b._row, bool_or(l._event_time = b._event_time) FROM {name} b "
            f"JOIN {log} l ON l._id = b._id AND l._model_version = b._model_version "
            "WHERE l._event_time BETWEEN $low AND $high AND abs(epoch(l._event_time) - epoch(b._event_time)) <= $horizon "
            "GROUP BY b._row",
            {"low": low, "high": high, "horizon": HORIZON.total_seconds()},
        ).fetchall()


def _recent_predictions(db: Database, con: DuckDBPyConnection, model: str) -> RecentIds:
    def load() -> RecentIds:
        table = log_table(model)
        # one row from the far future would leave all of today to be looked up
        of_today = [naive(db.now()) + SLACK]
        sql = f"SELECT coalesce(max(_event_time) FILTER (_event_time <= ?), max(_event_time)) FROM {table}"
        latest = single(con, sql, of_today)
        if latest is None:
            return RecentIds(np.zeros(0, dtype=np.uint64), datetime.min)  # noqa: DTZ901  (naive UTC, as stored)
        since = latest - HORIZON - SLACK
        rows = single(con, f"SELECT count(*) FROM {table} WHERE _event_time >= ?", [since])
        if rows > HELD:  # the newest of them
            sql = f"SELECT approx_quantile(_event_time, ?) FROM {table} WHERE _event_time >= ?"
            since = single(con, sql, [1 - HELD / rows, since])
        found = RecentIds(np.zeros(0, dtype=np.uint64), since)
        sql = f"SELECT hash(_id, _model_version) AS h FROM {table} WHERE _event_time >= $since"
        for batch in con.sql(sql, params={"since": since}).to_arrow_reader(_BATCH):
            found.add(batch["h"].to_numpy())
        return found

    return recent_ids(db, ("predictions", model), load)
