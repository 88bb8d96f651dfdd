"""Appending labels: a ledger of which the latest entry of an id wins, and every entry stays."""

from __future__ import annotations

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
    remember,
    touched_buckets,
)
from storage.archives import MOMENT, whole_log
from storage.buckets import aware
from storage.database import Database
from storage.faults import fault_point
from storage.feedback import append_feedback
from storage.intake import Intake
from storage.ledger import Ledger, latest, next_numbers, unchanged
from storage.model_tables import label_table, prepare_model
from storage.rows import first_row, insert, registered


def label_ledger(model: str) -> Ledger:
    """Return a model's labels as a ledger."""
    return Ledger(("labels", model), label_table(model), ("_id",), "_label", "_seq")


def append_labels(
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
    """Append labels, and the feedback among them (:class:`storage.feedback.LabelIntake`), and return when they are committed.

    The same value again for an id is a duplicate, however late; another value is a correction, which wins from now on while the earlier
    one is kept. Labels without a prediction are kept too, for when it comes. Predictions far older than the label (by more than
    :data:`HORIZON`, unless the label tells their event time) are looked for by the next :func:`storage.labels.match_labels`.
    ``key``, ``also`` and ``bucket_spec`` as in :func:`append_log`.
    """
    prepare_model(db, spec)
    ledger = label_ledger(spec.name)
    batch = numbered(intake.table)
    with db.cursor() as con:
        hashes = hash_rows(con, batch, ledger.hash)

    def write(con: DuckDBPyConnection) -> AppendResult:
        (earlier,) = answered(db, con, spec.name, "label", [key], now)
        if earlier is not None:
            return earlier
        held = latest(db, con, ledger)
        same = unchanged(con, ledger, batch, hashes, held, lambda rows: _maybe_older(con, spec.name, held.since, rows))
        fresh = batch.filter(pa.array(~same)) if same.any() else batch
        numbers = next_numbers(db, con, ledger, fresh.num_rows)
        held.add(hashes[~same], numbers)
        columns = fresh.select(["_id", "_label", "_label_time", "_arrival_time"])
        insert(con, label_table(spec.name), columns.append_column("_seq", pa.array(numbers)))
        told = append_feedback(db, con, spec.name, intake)
        if also is not None:
            also(con)
        fault_point("append.after_rows")
        _mark_labelled(con, spec.name, fresh, numbers, bucket_spec)
        accepted, repeats = fresh.num_rows + told[0], batch.num_rows - fresh.num_rows + told[1]
        result = AppendResult.of(accepted, repeats, intake.rejected)
        remember(con, spec.name, "label", key, now, result, intake.rejected, intake.origin)
        return result

    return db.write(write, patience=patience, about=spec.name, came=True)


def _mark_labelled(
    con: DuckDBPyConnection, model: str, labels: pa.Table, numbers: NDArray[np.int64], bucket_spec: WindowSpec
) -> None:
    """Mark the buckets of the labelled predictions dirty, and remember the labels whose prediction was not found."""
    if not labels.num_rows:
        return
    near = _predictions(con, model, labels)
    mark(con, model, ("outcomes",), touched_buckets(near["at"].to_numpy(), bucket_spec))
    lost = ~np.isin(labels["_row"].to_numpy(), near["row"].to_numpy())
    if lost.any():
        rows = labels.select(["_id"]).append_column("seq", pa.array(numbers)).filter(pa.array(lost))
        with registered(con, rows) as name:
            con.execute(f"INSERT INTO unmatched_label SELECT ?, _id, seq, false FROM {name}", [model])


def _predictions(con: DuckDBPyConnection, model: str, labels: pa.Table) -> pa.Table:
    """Return ``row``, ``at`` (event time) and ``arrived``, in microseconds since 1970, of the predictions of about the right time."""
    told = labels["_event_time"].null_count == 0
    times = labels["_event_time"] if told else labels["_label_time"]
    low, high = pc.min(times).as_py(), pc.max(times).as_py()
    low, high = (low, high) if told else (low - HORIZON, high + SLACK)
    rows = whole_log(con, model, Window(aware(low), aware(high) + MOMENT))
    with registered(con, labels.select(["_row", "_id"])) as name:
        return con.sql(
            "SELECT b._row AS row, epoch_us(l._event_time) AS at, epoch_us(l._arrival_time) AS arrived "
            f"FROM {name} AS b JOIN {rows} AS l ON l._id = b._id WHERE l._event_time BETWEEN $a AND $b",
            params={"a": low, "b": high},
        ).to_arrow_table()


def _maybe_older(con: DuckDBPyConnection, model: str, since: int, rows: pa.Table) -> NDArray[np.bool_]:
    """Return which ids may have a label older than those remembered.

    Not the usual one: a label comes after its prediction, and a prediction that itself came after all the labels that are not remembered
    has none among them, unless it waited there without a prediction.
    """
    before: Any = first_row(con, f"SELECT max(_arrival_time) FROM {label_table(model)} WHERE _seq <= ?", [since])
    if before is None or before[0] is None:
        return np.zeros(rows.num_rows, dtype=np.bool_)
    bound = microseconds(pa.chunked_array([pa.array([before[0] + SLACK], pa.timestamp("us"))]))[0]
    near = _predictions(con, model, rows)
    young = near["row"].to_numpy()[near["arrived"].to_numpy() > bound]
    with registered(con, rows.select(["_row", "_id"])) as name:
        waiting = con.sql(
            f"SELECT b._row AS row FROM {name} AS b SEMI JOIN (SELECT _id FROM unmatched_label WHERE model = $m) AS u ON u._id = b._id",
            params={"m": model},
        ).to_arrow_table()["row"]
    numbers = rows["_row"].to_numpy()
    return ~np.isin(numbers, young) | np.isin(numbers, waiting.to_numpy())
