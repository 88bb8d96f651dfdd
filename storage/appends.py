"""Appending predictions and labels: once each, with the buckets they touch marked dirty in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from reference_data.declaration import ModelSpec
from reference_data.windows import WindowSpec
from storage.buckets import naive
from storage.database import Database
from storage.faults import fault_point
from storage.intake import Intake
from storage.model_tables import label_table, log_table, prepare_model
from storage.profile_store import Part, mark_dirty
from storage.recent_ids import Hashes, RecentIds, repeated
from storage.rows import first_row, insert, registered, single

#: An id (or key) that comes again within this time of its first row is known to be the same one.
HORIZON = timedelta(days=35)
_SLACK = timedelta(days=2)  # rows somewhat late need no look-up either
_HELD = 16_000_000  # hashes held for a table: 128 MB
_SLOT = 15 * 60 * 1_000_000  # microseconds; every zone's offset of today is a multiple of it


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of the rows that came in."""

    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]] = field(default_factory=list)


def append_log(
    db: Database, spec: ModelSpec, intake: Intake, now: datetime, bucket_spec: WindowSpec, *, key: str | None = None
) -> AppendResult:
    """Append predictions, each (id, model version) once, and return when they are committed.

    A row is a duplicate if one of the same id and version was logged with an event time within :data:`HORIZON` of its own. ``key``: a
    repeated append of the same key is answered as the first one was. ``bucket_spec`` says which buckets get dirty.
    """
    prepare_model(db, spec)
    batch, dropped = _distinct(db, intake.table)
    hashes = batch["_hash"].to_numpy()

    def write(con: DuckDBPyConnection) -> AppendResult:
        earlier = _answered(con, spec.name, "log", key, now)
        if earlier is not None:
            return earlier
        known = _known_predictions(db, con, spec.name, batch, hashes)
        fresh = batch.filter(pa.array(~known)) if known.any() else batch
        columns = [name for name in intake.table.column_names if name != "_label"]
        insert(con, log_table(spec.name), fresh.select(columns))
        fault_point("append.after_rows")
        starts = touched_buckets(_microseconds(fresh["_event_time"]), bucket_spec)
        _mark(con, spec.name, ("inputs", "outcomes"), starts)
        result = AppendResult(fresh.num_rows, dropped + int(known.sum()), intake.rejected)
        _remember(con, spec.name, "log", key, now, result)
        return result

    return db.write(write)


def append_labels(
    db: Database, spec: ModelSpec, intake: Intake, now: datetime, bucket_spec: WindowSpec, *, key: str | None = None
) -> AppendResult:
    """Append labels and return when they are committed.

    The same value again for an id is a duplicate; another value is a correction, which wins from now on while the earlier one is kept.
    Labels without a prediction are kept too, for when it comes. ``key`` and ``bucket_spec`` as in :func:`append_log`.
    """
    prepare_model(db, spec)
    batch = _numbered(intake.table)
    with db.cursor() as con:
        hashes = _hash(con, batch, "hash(_id)")

    def write(con: DuckDBPyConnection) -> AppendResult:
        earlier = _answered(con, spec.name, "label", key, now)
        if earlier is not None:
            return earlier
        fresh = _changed_labels(db, con, spec.name, batch, hashes, now)
        first = _next_label(db, con, spec.name, fresh.num_rows)
        numbers = pa.array(np.arange(first, first + fresh.num_rows), pa.int64())
        columns = fresh.select(["_id", "_label", "_label_time", "_arrival_time"]).append_column("_seq", numbers)
        insert(con, label_table(spec.name), columns)
        fault_point("append.after_rows")
        times = _labelled_times(con, spec.name, fresh)
        _mark(con, spec.name, ("outcomes",), touched_buckets(times, bucket_spec))
        result = AppendResult(fresh.num_rows, batch.num_rows - fresh.num_rows, intake.rejected)
        _remember(con, spec.name, "label", key, now, result)
        return result

    return db.write(write)


# -- predictions that are known already --------------------------------------------------------------------------------
def _distinct(db: Database, table: pa.Table) -> tuple[pa.Table, int]:
    """Keep the first row of each (id, version), in order of event time, with ``_row`` and ``_hash``; says how many were dropped."""
    batch = _numbered(table)
    with db.cursor() as con:
        hashes = _hash(con, batch, "hash(_id, _model_version)")
    batch = batch.append_column("_hash", pa.array(hashes))
    drop = _repetitions(batch, repeated(hashes))
    if drop:
        keep = np.ones(batch.num_rows, dtype=np.bool_)
        keep[drop] = False
        batch = batch.filter(pa.array(keep))
    times = _microseconds(batch["_event_time"])
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
        since = latest - HORIZON - _SLACK
        newest = f"SELECT _event_time FROM {table} WHERE _event_time >= ? ORDER BY 1 DESC LIMIT {_HELD}"
        since = single(con, f"SELECT min(_event_time) FROM ({newest})", [since])
        sql = f"SELECT hash(_id, _model_version) AS h FROM {table} WHERE _event_time >= $since"
        hashes = con.sql(sql, params={"since": since}).to_arrow_table()["h"].to_numpy()
        return RecentIds(hashes, since)

    return _recent(db, ("predictions", model), load)


def _recent(db: Database, name: tuple[str, str], load: Callable[[], RecentIds]) -> RecentIds:
    """Return the filter of a table, read anew when it is first needed or has grown too large."""
    found: RecentIds | None = db.memory.get(name)
    if found is None or len(found) > 2 * _HELD:
        found = db.memory[name] = load()
    return found


# -- labels that change nothing ----------------------------------------------------------------------------------------
def _changed_labels(
    db: Database, con: DuckDBPyConnection, model: str, batch: pa.Table, hashes: Hashes, now: datetime
) -> pa.Table:
    """Keep the labels that say something new: of an unlabelled id, or other than what is known of it."""

    def load() -> RecentIds:
        since = naive(now) - HORIZON
        sql = f"SELECT hash(_id) AS h FROM {label_table(model)} WHERE _arrival_time >= $since ORDER BY _seq DESC LIMIT {_HELD}"
        hashes = con.sql(sql, params={"since": since}).to_arrow_table()["h"].to_numpy()
        return RecentIds(hashes, since)

    recent = _recent(db, ("labels", model), load)
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
    low, high = (low, high) if told else (low - HORIZON, high + _SLACK)
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


# -- dirty buckets -----------------------------------------------------------------------------------------------------
def touched_buckets(times: NDArray[np.int64], spec: WindowSpec) -> set[datetime]:
    """Return the (aware) starts of the buckets that hold these times, in microseconds since 1970.

    Times are looked at in slots of a quarter of an hour; in a zone whose offset was no multiple of it the neighbouring bucket may be
    named too, which costs a needless look and nothing else.
    """
    slots = np.unique(times // _SLOT)
    starts: set[datetime] = set()
    index = 0
    while index < len(slots):
        slot = int(slots[index])
        first = spec.containing(_moment(slot * _SLOT))
        last = spec.containing(_moment((slot + 1) * _SLOT - 1))
        starts |= {first.start, last.start}
        beyond = int(last.end.timestamp() * 1_000_000) // _SLOT
        index = max(index + 1, int(np.searchsorted(slots, beyond)))
    return starts


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _mark(con: DuckDBPyConnection, model: str, parts: Iterable[Part], starts: set[datetime]) -> None:
    seq = single(con, "SELECT seq + 1 FROM written")  # the number this group will be committed under
    for part in parts:
        mark_dirty(con, model, part, starts, seq)


# -- answers to repeated appends, rows refused -------------------------------------------------------------------------
def _answered(con: DuckDBPyConnection, model: str, kind: str, key: str | None, now: datetime) -> AppendResult | None:
    if key is None:
        return None
    row = first_row(
        con,
        "SELECT result FROM append_key WHERE key = ? AND model = ? AND kind = ? AND written_at >= ?",
        [key, model, kind, naive(now) - HORIZON],
    )
    return None if row is None else AppendResult(**json.loads(row[0]))


def _remember(
    con: DuckDBPyConnection, model: str, kind: str, key: str | None, now: datetime, result: AppendResult
) -> None:
    if result.rejected:
        first = {entry["row"]: entry for entry in reversed(result.rejected)}.values()  # one problem a row is enough
        columns = {
            "row": pa.array([entry["row"] for entry in first], pa.int64()),
            **{name: pa.array([entry[name] for entry in first], pa.string()) for name in ("field", "value", "error")},
        }
        with registered(con, pa.table(columns)) as name:
            con.execute(
                f"INSERT INTO quarantine SELECT ?, ?, ?, row, field, value, error FROM {name}",
                [model, kind, naive(now)],
            )
    if key is not None:
        con.execute(
            "INSERT INTO append_key VALUES (?, ?, ?, ?, ?)", [key, model, kind, json.dumps(asdict(result)), naive(now)]
        )


# -- Arrow in and out --------------------------------------------------------------------------------------------------
def _numbered(table: pa.Table) -> pa.Table:
    return table.append_column("_row", pa.array(np.arange(table.num_rows), pa.int64()))


def _hash(con: DuckDBPyConnection, table: pa.Table, expression: str) -> Hashes:
    with registered(
        con, table.select([n for n in ("_id", "_model_version", "_row") if n in table.column_names])
    ) as name:
        found = con.sql(f"SELECT {expression} AS h FROM {name} ORDER BY _row").to_arrow_table()["h"].to_numpy()
    return np.asarray(found, dtype=np.uint64)


def _microseconds(times: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(times.cast(pa.int64()).to_numpy(), dtype=np.int64)
