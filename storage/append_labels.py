"""Appending labels: a ledger of which the latest entry of an id wins, and every entry stays."""

from __future__ import annotations

from datetime import datetime

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
    numbered,
    recent_ids,
    remember,
    touched_buckets,
)
from storage.buckets import naive
from storage.database import Database
from storage.faults import fault_point
from storage.intake import Intake
from storage.model_tables import label_table, log_table, prepare_model
from storage.recent_ids import Hashes, RecentIds, repeated
from storage.rows import insert, registered, single


def append_labels(
    db: Database,
    spec: ModelSpec,
    intake: Intake,
    now: datetime,
    bucket_spec: WindowSpec,
    *,
    key: str | None = None,
    also: Also | None = None,
) -> AppendResult:
    """Append labels and return when they are committed.

    The same value again for an id is a duplicate; another value is a correction, which wins from now on while the earlier one is kept.
    Labels without a prediction are kept too, for when it comes. ``key`` and ``bucket_spec`` as in :func:`append_log`.
    """
    prepare_model(db, spec)
    batch = numbered(intake.table)
    with db.cursor() as con:
        hashes = hash_rows(con, batch, "hash(_id)")

    def write(con: DuckDBPyConnection) -> AppendResult:
        earlier = answered(con, spec.name, "label", key, now)
        if earlier is not None:
            return earlier
        fresh = _changed_labels(db, con, spec.name, batch, hashes, now)
        first = _next_label(db, con, spec.name, fresh.num_rows)
        numbers = pa.array(np.arange(first, first + fresh.num_rows), pa.int64())
        columns = fresh.select(["_id", "_label", "_label_time", "_arrival_time"]).append_column("_seq", numbers)
        insert(con, label_table(spec.name), columns)
        if also is not None:
            also(con)
        fault_point("append.after_rows")
        times = _labelled_times(con, spec.name, fresh)
        mark(con, spec.name, ("outcomes",), touched_buckets(times, bucket_spec))
        result = AppendResult(fresh.num_rows, batch.num_rows - fresh.num_rows, intake.rejected)
        remember(con, spec.name, "label", key, now, result, intake.origin)
        return result

    return db.write(write)


# -- labels that change nothing ----------------------------------------------------------------------------------------
def _changed_labels(
    db: Database, con: DuckDBPyConnection, model: str, batch: pa.Table, hashes: Hashes, now: datetime
) -> pa.Table:
    """Keep the labels that say something new: of an unlabelled id, or other than what is known of it."""

    def load() -> RecentIds:
        since = naive(now) - HORIZON
        sql = f"SELECT hash(_id) AS h FROM {label_table(model)} WHERE _arrival_time >= $since ORDER BY _seq DESC LIMIT {HELD}"
        hashes = con.sql(sql, params={"since": since}).to_arrow_table()["h"].to_numpy()
        return RecentIds(hashes, since)

    recent = recent_ids(db, ("labels", model), load)
    suspect = recent.holds(hashes)
    suspect[repeated(hashes)] = True
    recent.add(hashes)
    if not suspect.any():
        return batch
    with registered(con, batch.filter(pa.array(suspect))) as name:
        rows = con.execute(
            f"WITH prior AS (SELECT _id, arg_max(_label, _seq) AS _label FROM {label_table(model)} SEMI JOIN {name} USING (_id) "
            f"GROUP BY _id), b AS (SELECT _id, _label, _row, lag(_label) OVER w AS before, row_number() OVER w AS place FROM {name} "
            "WINDOW w AS (PARTITION BY _id ORDER BY _row)) SELECT b._row FROM b LEFT JOIN prior USING (_id) "
            "WHERE CASE WHEN place = 1 THEN prior._label ELSE before END IS NOT DISTINCT FROM b._label"
        ).fetchall()
    if not rows:
        return batch
    same = np.isin(batch["_row"].to_numpy(), [row[0] for row in rows])
    return batch.filter(pa.array(~same))


def _next_label(db: Database, con: DuckDBPyConnection, model: str, count: int) -> int:
    """Reserve ``count`` ascending numbers, above all that were given before, whatever the clock says."""
    name = ("label seq", model)
    if name not in db.memory:
        db.memory[name] = 1 + single(con, f"SELECT coalesce(max(_seq), 0) FROM {label_table(model)}")
    first: int = db.memory[name]
    db.memory[name] = first + count
    return first


def _labelled_times(con: DuckDBPyConnection, model: str, labels: pa.Table) -> NDArray[np.int64]:
    """Return the event times (microseconds since 1970) of the predictions that were labelled.

    First among rows of about the right time, then, for ids not found there, in the whole log.
    """
    if not labels.num_rows:
        return np.zeros(0, dtype=np.int64)
    told = labels["_event_time"].null_count == 0
    times = labels["_event_time"] if told else labels["_label_time"]
    low, high = pc.min(times).as_py(), pc.max(times).as_py()
    low, high = (low, high) if told else (low - HORIZON, high + SLACK)
    with registered(con, labels.select(["_row", "_id"])) as name:
        join = f"SELECT b._row AS row, epoch_us(l._event_time) AS at FROM {name} b JOIN {log_table(model)} l ON l._id = b._id"
        near = con.sql(f"{join} WHERE l._event_time BETWEEN $a AND $b", params={"a": low, "b": high}).to_arrow_table()
    found = near["at"].to_numpy()
    lost = ~np.isin(labels["_row"].to_numpy(), near["row"].to_numpy())
    if lost.any():
        with registered(con, labels.filter(pa.array(lost)).select(["_id"])) as name:
            far = con.sql(
                f"SELECT epoch_us(l._event_time) AS at FROM {log_table(model)} l SEMI JOIN {name} b ON l._id = b._id"
            ).to_arrow_table()
        found = np.concatenate([found, far["at"].to_numpy()])
    return np.asarray(found, dtype=np.int64)
