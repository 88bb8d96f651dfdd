"""Appending predictions: once each, with the buckets they touch marked dirty in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from reference_data.declaration import ModelSpec
from reference_data.windows import WindowSpec
from storage.append_common import (
    HELD,
    HORIZON,
    SLACK,
    Also,
    AppendResult,
    answered,
    hash_rows,
    mark,
    microseconds,
    numbered,
    recent_ids,
    remember,
    touched_buckets,
)
from storage.database import Database
from storage.faults import fault_point
from storage.intake import Intake
from storage.model_tables import log_table, prepare_model
from storage.recent_ids import Hashes, RecentIds, repeated
from storage.rows import insert, registered, single


def append_log(
    db: Database,
    spec: ModelSpec,
    intake: Intake,
    now: datetime,
    bucket_spec: WindowSpec,
    *,
    key: str | None = None,
    also: Also | None = None,
) -> AppendResult:
    """Append predictions, each (id, model version) once, and return when they are committed.

    A row is a duplicate if one of the same id and version was logged with an event time within :data:`HORIZON` of its own. ``key``: a
    repeated append of the same key is answered as the first one was. ``bucket_spec`` says which buckets get dirty; ``also``
    is committed with the rows.
    """
    prepare_model(db, spec)
    batch, dropped = _distinct(db, intake.table)
    hashes = batch["_hash"].to_numpy()

    def write(con: DuckDBPyConnection) -> AppendResult:
        earlier = answered(con, spec.name, "log", key, now)
        if earlier is not None:
            return earlier
        known = _known_predictions(db, con, spec.name, batch, hashes)
        fresh = batch.filter(pa.array(~known)) if known.any() else batch
        columns = [name for name in intake.table.column_names if name != "_label"]
        insert(con, log_table(spec.name), fresh.select(columns))
        if also is not None:
            also(con)
        fault_point("append.after_rows")
        starts = touched_buckets(microseconds(fresh["_event_time"]), bucket_spec)
        mark(con, spec.name, ("inputs", "outcomes"), starts)
        result = AppendResult(fresh.num_rows, dropped + int(known.sum()), intake.rejected)
        remember(con, spec.name, "log", key, now, result, intake.origin)
        return result

    return db.write(write)


# -- predictions that are known already --------------------------------------------------------------------------------
def _distinct(db: Database, table: pa.Table) -> tuple[pa.Table, int]:
    """Keep the first row of each (id, version), in order of event time, with ``_row`` and ``hash_rows``; says how many were dropped."""
    batch = numbered(table)
    with db.cursor() as con:
        hashes = hash_rows(con, batch, "hash(_id, _model_version)")
    batch = batch.append_column("_hash", pa.array(hashes))
    drop = _repetitions(batch, repeated(hashes))
    if drop:
        keep = np.ones(batch.num_rows, dtype=np.bool_)
        keep[drop] = False
        batch = batch.filter(pa.array(keep))
    times = microseconds(batch["_event_time"])
    if (times[1:] < times[:-1]).any():  # rows in order let the engine pass over blocks of them
        batch = batch.take(pa.array(np.argsort(times, kind="stable")))
    return batch, len(drop)


def _repetitions(batch: pa.Table, suspects: NDArray[Any]) -> list[int]:
    part = batch.select(["_id", "_model_version"]).take(pa.array(suspects))
    seen: set[tuple[str, str]] = set()
    drop = []
    pairs = zip(part["_id"].to_pylist(), part["_model_version"].to_pylist(), strict=True)
    for row, pair in zip(suspects.tolist(), pairs, strict=True):
        if pair in seen:
            drop.append(row)
        seen.add(pair)
    return drop


def _known_predictions(
    db: Database, con: DuckDBPyConnection, model: str, batch: pa.Table, hashes: Hashes
) -> NDArray[np.bool_]:
    """Return which rows of the batch are in the log. The filter answers for most, a look-up pruned by event time for the rest."""
    known = np.zeros(batch.num_rows, dtype=np.bool_)
    if not batch.num_rows:
        return known
    recent = _recent_predictions(db, con, model)
    held = recent.holds(hashes)
    times = batch["_event_time"]
    low, high = pc.min(times).as_py() - HORIZON, pc.max(times).as_py() + HORIZON
    found: list[int] = []
    if held.any():
        found += _look_up(con, model, batch.filter(pa.array(held)), low, high)
    if low < recent.complete_since and not held.all():
        found += _look_up(con, model, batch.filter(pa.array(~held)), low, min(high, recent.complete_since))
    recent.add(hashes)
    if found:
        known = np.isin(batch["_row"].to_numpy(), found)
    return known


def _look_up(con: DuckDBPyConnection, model: str, batch: pa.Table, low: datetime, high: datetime) -> list[int]:
    with registered(con, batch.select(["_row", "_id", "_model_version", "_event_time"])) as name:
        rows = con.execute(
            f"SELECT DISTINCT b._row FROM {name} b JOIN {log_table(model)} l ON l._id = b._id AND l._model_version = b._model_version "
            "WHERE l._event_time BETWEEN $low AND $high AND abs(epoch(l._event_time) - epoch(b._event_time)) <= $horizon",
            {"low": low, "high": high, "horizon": HORIZON.total_seconds()},
        ).fetchall()
    return [row[0] for row in rows]


def _recent_predictions(db: Database, con: DuckDBPyConnection, model: str) -> RecentIds:
    def load() -> RecentIds:
        table = log_table(model)
        latest = single(con, f"SELECT max(_event_time) FROM {table}")
        if latest is None:
            return RecentIds(np.zeros(0, dtype=np.uint64), datetime.min)  # noqa: DTZ901  (naive UTC, as stored)
        since = latest - HORIZON - SLACK
        newest = f"SELECT _event_time FROM {table} WHERE _event_time >= ? ORDER BY 1 DESC LIMIT {HELD}"
        since = single(con, f"SELECT min(_event_time) FROM ({newest})", [since])
        sql = f"SELECT hash(_id, _model_version) AS h FROM {table} WHERE _event_time >= $since"
        hashes = con.sql(sql, params={"since": since}).to_arrow_table()["h"].to_numpy()
        return RecentIds(hashes, since)

    return recent_ids(db, ("predictions", model), load)
