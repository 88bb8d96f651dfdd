"""What the log and its labels are asked for."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from storage.archives import whole_log
from storage.buckets import aware, naive
from storage.database import Database
from storage.model_tables import joined_relation, label_table, log_table, prepare_model, tables_exist
from storage.names import SUBJECT
from storage.rows import first_row, single

_BATCH = 65_536  # rows held at a time while writing a file
_LONG = 1_000_000  # entries of a ledger, from which on its distinct ids are not counted for every page

#: Columns of an exported file beside the declared inputs, and the SQL of each over :func:`joined_relation`.
_EXPORTED = {
    "_id": "_id",
    "_event_time": "_event_time",
    "_model_version": "_model_version",
    "_role": "_role",
    "_label_time": "_label_time",
}


@dataclass(frozen=True, slots=True)
class RowCount:
    """Rows that a model served (shadows answer the same ones again), labels of different predictions, and rows refused."""

    logs: int
    labels: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class WindowCount:
    """Rows of one version in one role in one window; the lag is from event to label, in seconds, None without labels."""

    window: Window
    model_version: str
    role: str
    rows: int
    labels: int
    median_label_lag: float | None


def count_rows(con: DuckDBPyConnection, spec: ModelSpec) -> RowCount:
    """Count what is stored of a model; nothing if it has no tables yet."""
    refused = single(con, "SELECT count(*) FROM quarantine WHERE model = ? AND repaired_at IS NULL", [spec.name])
    if not tables_exist(con, spec.name):
        return RowCount(0, 0, refused)
    logs = single(con, f"SELECT count(*) FROM {log_table(spec.name)} WHERE _role = 'serving'")
    archived = "SELECT coalesce(sum(rows), 0) FROM archived WHERE model = ? AND action = 'archive'"
    logs += int(single(con, archived, [spec.name]))
    return RowCount(logs, _count_labelled(con, spec.name), refused)


def _count_labelled(con: DuckDBPyConnection, model: str) -> int:
    """Count ids with a label. Of a long ledger its corrections are subtracted as of the last run, so that no page waits for it."""
    table = label_table(model)
    entries = single(con, f"SELECT count(*) FROM {table}")
    if entries <= _LONG:
        return int(single(con, f"SELECT count(DISTINCT _id) FROM {table}"))
    known = first_row(con, "SELECT repeats FROM label_repeats WHERE model = ?", [model])
    return int(entries - (known[0] if known else 0))


def count_repeats(db: Database, spec: ModelSpec) -> None:
    """Bring up how many entries of a long ledger say another value of an id that has one; only what is new is looked at."""
    table = label_table(spec.name)
    with db.cursor() as con:
        if not tables_exist(con, spec.name):
            return
        entries, top = first_row(con, f"SELECT count(*), coalesce(max(_seq), 0) FROM {table}") or (0, 0)
        seq, repeats = first_row(con, "SELECT seq, repeats FROM label_repeats WHERE model = ?", [spec.name]) or (0, 0)
        if entries <= _LONG or single(con, f"SELECT count(*) FROM {table} WHERE _seq > ?", [seq]) * 100 < entries:
            return
        top = min(top, seq + _LONG * 2)  # the rest is for the next runs
        new = f"(SELECT _id FROM {table} WHERE _seq > $seq AND _seq <= $top)"
        found = first_row(
            con,
            f"SELECT (SELECT count(*) - count(DISTINCT _id) FROM {new}), "
            f"(SELECT count(DISTINCT _id) FROM {table} SEMI JOIN {new} USING (_id) WHERE _seq <= $seq)",
            {"seq": seq, "top": top},
        )
    repeats += sum(found or ())

    def write(con: DuckDBPyConnection) -> None:
        con.execute("DELETE FROM label_repeats WHERE model = ?", [spec.name])
        con.execute("INSERT INTO label_repeats VALUES (?, ?, ?)", [spec.name, top, repeats])

    db.write(write, about=spec.name)


def latest_event_time(con: DuckDBPyConnection, spec: ModelSpec) -> datetime | None:
    """Return the latest event time in the log (aware), None for an empty one."""
    if not tables_exist(con, spec.name):
        return None
    found = single(con, f"SELECT max(_event_time) FROM {log_table(spec.name)}")
    return None if found is None else aware(found)


def label_span(con: DuckDBPyConnection, spec: ModelSpec) -> tuple[datetime, datetime] | None:
    """Return the earliest and latest event time (aware) of the labelled predictions, None if there is none."""
    if not tables_exist(con, spec.name):
        return None
    row = first_row(
        con,
        f"SELECT min(_event_time), max(_event_time) FROM {whole_log(con, spec.name)} SEMI JOIN {label_table(spec.name)} USING (_id)",
    )
    return None if row is None or row[0] is None else (aware(row[0]), aware(row[1]))


def window_counts(con: DuckDBPyConnection, spec: ModelSpec, windows: Sequence[Window]) -> list[WindowCount]:
    """Count rows and labels of each window by model version and role, ordered by window; windows without rows are left out."""
    if not windows or not tables_exist(con, spec.name):
        return []
    low, high = min(window.start for window in windows), max(window.end for window in windows)
    relation, _ = joined_relation(spec, Window(low, high), con)
    rows = con.execute(
        "WITH w AS (SELECT unnest($starts::TIMESTAMP[]) AS a, unnest($ends::TIMESTAMP[]) AS b) "
        "SELECT a, b, _model_version, _role, count(*), count(_label), "
        "median(epoch(_label_time) - epoch(_event_time)) FILTER (_label IS NOT NULL) "
        f"FROM ({relation}) AS r JOIN w ON r._event_time >= w.a AND r._event_time < w.b GROUP BY ALL ORDER BY ALL",
        {
            "starts": [naive(window.start) for window in windows],
            "ends": [naive(window.end) for window in windows],
        },
    ).fetchall()
    return [WindowCount(Window(aware(row[0]), aware(row[1])), *row[2:]) for row in rows]


def page_rows(
    con: DuckDBPyConnection, spec: ModelSpec, since: datetime, until: datetime, *, limit: int = 100, offset: int = 0
) -> tuple[list[str], list[dict[str, Any]], int]:
    """Return column names, one page of rows in order of event time, and how many rows [since, until) has in all.

    Rows are JSON-ready: times as ISO 8601 in UTC, None for NaN and infinities.
    """
    within = Window(since, until)
    fields = {
        "prediction_id": "_id",
        "event_time": "_event_time",
        "model_version": "_model_version",
        "role": "_role",
    }
    relation, expressions = joined_relation(spec, within, con)
    fields |= {name: sql for name, sql in expressions.items() if name not in fields}
    names = [*fields, "label_time"]
    if not tables_exist(con, spec.name):
        return names, [], 0
    period = [naive(since), naive(until)]
    total = single(
        con,
        f"SELECT count(*) FROM {whole_log(con, spec.name, within)} WHERE _event_time >= ? AND _event_time < ?",
        period,
    )
    columns = ", ".join(f"{sql} AS c{index}" for index, sql in enumerate([*fields.values(), "_label_time"]))
    found = con.execute(
        f"SELECT {columns} FROM ({relation}) AS r ORDER BY _event_time, _id, _model_version LIMIT ? OFFSET ?",
        [limit, offset],
    ).fetchall()
    return names, [dict(zip(names, map(_shown, row), strict=True)) for row in found], total


def export_parquet(
    db: Database,
    spec: ModelSpec,
    since: datetime,
    until: datetime,
    path: Path,
    *,
    labelled_only: bool = True,
) -> int:
    """Write the rows of [since, until) to a Parquet file, in order of event time, and return how many there are.

    Columns: the declared inputs by name, ``prediction``, ``score``, ``scores`` (several classes), ``label``, ``_id``, ``_event_time`` and
    ``_label_time`` (naive UTC), ``_model_version``, ``_role``, and ``_subject`` of a model that says whom its rows are about. Rows go through in batches; the file appears whole or not at all.
    """
    prepare_model(db, spec)
    with db.cursor() as con:
        relation, expressions = joined_relation(spec, Window(since, until), con)
    beside = _EXPORTED if spec.subject is None else _EXPORTED | {SUBJECT: SUBJECT}
    fields = {name: sql for name, sql in expressions.items() if name not in beside} | beside
    columns = ", ".join(f"{sql} AS c{index}" for index, sql in enumerate(fields.values()))
    labelled = " WHERE _label IS NOT NULL" if labelled_only else ""
    sql = f"SELECT {columns} FROM ({relation}) AS r{labelled} ORDER BY _event_time, _id, _model_version"
    part = path.with_name(f".{path.name}.part")
    rows = 0
    try:
        with db.cursor() as con, part.open("wb") as file:
            reader = con.sql(sql).to_arrow_reader(_BATCH)
            schema = pa.schema([field.with_name(name) for name, field in zip(fields, reader.schema, strict=True)])
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
                    rows += batch.num_rows
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return rows


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return aware(value).isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
