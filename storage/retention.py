"""Rows that are older than a model keeps leave its log: into Parquet files that queries still reach, or for good.

Profiles and readings stay. An archive is written beside the log, synchronised to the disk, and then in one transaction its rows
leave the log and the file is recorded: whenever the process dies, each row is in exactly one of the two.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection

from reference_data.declaration import ModelSpec
from reference_data.section import parse_duration
from reference_data.windows import Window, WindowSpec
from storage.archives import ArchiveFile, archive_files, archive_folder, dropped_until
from storage.buckets import aware, moment_sql, naive
from storage.database import Database
from storage.errors import StorageError
from storage.faults import fault_point
from storage.intake import Intake
from storage.migration_backup import sync
from storage.model_tables import label_table, log_table, tables_exist
from storage.names import SUBJECT, literal
from storage.pruning import prune
from storage.row_samples import forget_before
from storage.rows import first_row, single

_TRIES = 5  # at copying a month while late rows for it come in


@dataclass(frozen=True, slots=True)
class Retained:
    """What one pass did: rows that were archived, rows that were dropped."""

    archived: int = 0
    dropped: int = 0


class _MovedOnError(Exception):
    """Rows of the period came in while it was being copied."""


def next_cut(con: DuckDBPyConnection, spec: ModelSpec, now: datetime, bucket_spec: WindowSpec) -> datetime | None:
    """Return the (aware) event time before which rows leave the log, a bucket's start; None when the model keeps all of them.

    Age is counted from the latest row that is not of the future, so that a clock which has jumped ahead takes nothing, and a model
    that is silent keeps its last rows.
    """
    if spec.retention.keep is None or not tables_exist(con, spec.name):
        return None
    latest = single(con, f"SELECT max(_event_time) FROM {log_table(spec.name)} WHERE _event_time <= ?", [naive(now)])
    if latest is None:
        return None
    return bucket_spec.containing(aware(latest) - parse_duration(spec.retention.keep)).start


def apply_retention(db: Database, spec: ModelSpec, now: datetime, bucket_spec: WindowSpec) -> Retained:
    """Let the rows leave that are due; does nothing when none are. Call it by one thread at a time.

    With or without a retention, what is kept for a time only goes: see :func:`storage.pruning.prune`.
    """
    prune(db, spec, now)
    if spec.retention.keep is None:
        return Retained()
    with db.cursor() as con:
        cut = next_cut(con, spec, now, bucket_spec)
        first = None if cut is None else _first(con, spec.name, cut)
    if cut is None or first is None:
        return Retained()
    if spec.retention.then == "drop":
        return Retained(dropped=_drop(db, spec.name, first, cut, now))
    sweep(db, spec.name)
    rows = 0
    for month, period in _months(spec, first, cut):
        rows += _archive(db, spec.name, month, period, now)
        if period.end == _month_after(period.end - timedelta(microseconds=1), spec):
            _merge(db, spec.name, month, now)
    db.checkpoint()
    return Retained(archived=rows)


def sweep(db: Database, model: str) -> int:
    """Remove files of a model's archive that are not part of it: drafts, and those that others have taken the place of."""
    folder = archive_folder(db.path) / model
    if not folder.is_dir():
        return 0
    strays = [path for path in stray_files(db, model) if path.is_file()]
    if strays:
        db.checkpoint()  # what says that they are not needed is in the file, not only in its log
        for path in strays:
            path.unlink(missing_ok=True)
    return len(strays)


def stray_files(db: Database, model: str) -> list[Path]:
    """Return the files in a model's folder of archives that no query reads."""
    base = archive_folder(db.path)
    with db.cursor() as con:
        known = {base / file.path for file in archive_files(con, model)}
    return sorted(path for path in (base / model).rglob("*") if path.is_file() and path not in known)


# -- archiving ---------------------------------------------------------------------------------------------------------
def _months(spec: ModelSpec, first: datetime, cut: datetime) -> Iterator[tuple[str, Window]]:
    """Yield the months, of the model's zone, between the first row and the cut: (``2024-03``, the period)."""
    start = first
    while start < cut:
        end = min(_month_after(start, spec), cut)
        yield f"{start.astimezone(spec.zone):%Y-%m}", Window(start, end)
        start = end


def _month_after(moment: datetime, spec: ModelSpec) -> datetime:
    local = moment.astimezone(spec.zone)
    year, month = divmod(local.year * 12 + local.month, 12)
    return datetime(year, month + 1, 1, tzinfo=spec.zone).astimezone(UTC)


def _archive(db: Database, model: str, month: str, period: Window, now: datetime) -> int:
    """Move the rows of a period into a file; returns how many there were."""
    where = f"_event_time >= {moment_sql(period.start)} AND _event_time < {moment_sql(period.end)}"
    table = log_table(model)
    for _ in range(_TRIES):
        with db.cursor() as con:
            if not single(con, f"SELECT count(*) FROM {table} WHERE {where}"):
                return 0
            name = new_name(con, model, month)
            copied = write_file(con, db.path, name, f"SELECT * FROM {table} WHERE {where}")
        fault_point("archive.after_file")
        try:
            db.write(
                lambda con: _commit_archive(con, model, name, period, where, copied, now),  # noqa: B023
                about=model,
            )
        except _MovedOnError:
            continue
        fault_point("archive.after_commit")
        return copied.rows
    raise StorageError(
        f"the rows of {model} of {month} could not be archived: others of that time kept coming in; the next run tries again"
    )


@dataclass(frozen=True, slots=True)
class Copied:
    """What a file holds: rows, a sum of their hashes, event times (naive UTC), and its size."""

    rows: int
    hashes: int
    first: datetime | None
    last: datetime | None
    bytes: int


_SUMMARY = "SELECT count(*), coalesce(bit_xor(hash(_id, _model_version, _event_time)), 0), min(_event_time), max(_event_time) FROM"


def write_file(con: DuckDBPyConnection, database: Path, name: str, select: str) -> Copied:
    """Write the rows of a query to a file of the archive, in order of event time: whole and on the disk, or not at all."""
    path = archive_folder(database) / name
    archive_folder(database).mkdir(exist_ok=True, mode=0o700)  # the mode is of the last folder only, not of its parents
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    try:
        con.execute(
            f"COPY (SELECT * FROM ({select}) ORDER BY _event_time) TO {literal(str(draft))} (FORMAT parquet, COMPRESSION zstd)"
        )
        draft.chmod(0o600)
        sync(draft)
        (row,) = con.execute(f"{_SUMMARY} read_parquet({literal(str(draft))}, hive_partitioning = false)").fetchall()
        size = draft.stat().st_size
        draft.replace(path)
        sync(path.parent)
        sync(path.parent.parent)
    finally:
        draft.unlink(missing_ok=True)
    rows, hashes, first, last = row
    return Copied(rows, hashes, first, last, size)


def new_name(con: DuckDBPyConnection, model: str, month: str) -> str:
    """Return a name that no file of the month's archive has had: the next number, whatever a crash has left behind."""
    folder = f"{model}/month={month}/"
    rows = con.execute("SELECT file FROM archived WHERE model = ? AND starts_with(file, ?)", [model, folder]).fetchall()
    numbers = [int(file.removeprefix(folder).partition(".")[0]) for (file,) in rows]
    return f"{folder}{max(numbers, default=0) + 1:06d}.parquet"


def _commit_archive(
    con: DuckDBPyConnection,
    model: str,
    name: str,
    period: Window,
    where: str,
    copied: Copied,
    now: datetime,
) -> None:
    table = log_table(model)
    row = first_row(con, f"{_SUMMARY} {table} WHERE {where}")
    if row != (copied.rows, copied.hashes, copied.first, copied.last):
        raise _MovedOnError
    con.execute(f"DELETE FROM {table} WHERE {where}")
    record(con, model, name, period, copied, now)


def record(con: DuckDBPyConnection, model: str, name: str, period: Window, copied: Copied, now: datetime) -> None:
    """Make a file part of a model's archive."""
    con.execute(
        "INSERT INTO archived (model, action, file, since, until, first, last, rows, bytes, written_at) "
        "VALUES (?, 'archive', ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            model,
            name,
            naive(period.start),
            naive(period.end),
            copied.first,
            copied.last,
            copied.rows,
            copied.bytes,
            naive(now),
        ],
    )


def forget(con: DuckDBPyConnection, model: str, files: list[ArchiveFile]) -> None:
    """Take files out of a model's archive; they stay on the disk until they are swept."""
    con.execute(
        "DELETE FROM archived WHERE model = ? AND file IN (SELECT unnest(?::VARCHAR[]))",
        [model, [file.path for file in files]],
    )


def _merge(db: Database, model: str, month: str, now: datetime) -> None:
    """Make one file of the several that a month was archived in, once it is complete."""
    with db.cursor() as con:
        files = [f for f in archive_files(con, model) if f.path.startswith(f"{model}/month={month}/")]
        if len(files) < 2:
            return
        name = new_name(con, model, month)
        paths = ", ".join(literal(str(archive_folder(db.path) / file.path)) for file in files)
        select = f"SELECT * FROM read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
        copied = write_file(con, db.path, name, select)
    if copied.rows != sum(file.rows for file in files):
        raise StorageError(
            f"the archive of {model} of {month} holds other rows than were put there: see `driftdeck doctor`"
        )
    period = Window(min(f.covers.start for f in files), max(f.covers.end for f in files))

    def write(con: DuckDBPyConnection) -> None:
        forget(con, model, files)
        record(con, model, name, period, copied, now)

    db.write(write, about=model)


# -- rows for a period that was dropped -------------------------------------------------------------------------------
def known_dropped(db: Database, model: str) -> datetime | None:
    """Return the (aware) event time before which rows of a model were dropped, None if none ever were."""
    key = ("dropped", model)
    if key not in db.memory:
        with db.cursor() as con:
            db.memory[key] = dropped_until(con, model)
    found: datetime | None = db.memory[key]
    return found


def reachable(make: Callable[[Any], Intake], spec: ModelSpec, gone: datetime, data: Any) -> Intake:
    """Return what ``make`` makes of rows, and refuse those of a time whose rows were dropped.

    Taken, such a row would stand alone in a bucket whose profile is of thousands, and be dropped with the next run.
    """
    intake = make(data)
    late = pc.less(intake.table["_event_time"], pa.scalar(naive(gone))).to_numpy()
    if not late.any():
        return intake
    refused = {entry["row"] for entry in intake.rejected}
    places = [row for row in range(intake.table.num_rows + len(refused)) if row not in refused]
    told = {
        "field": spec.time or "event_time",
        "error": f"rows from before {gone.isoformat()} were dropped by the retention of this model (keep = {spec.retention.keep!r})",
        "expected": f"a time from {gone.isoformat()} on",
    }
    part = intake.table.select(["_id", "_event_time", SUBJECT])
    new = []
    for place in np.flatnonzero(late).tolist():
        (row,) = part.slice(place, 1).to_pylist()
        entry = {"row": places[place], "value": row["_event_time"].isoformat(), **told, "id": row["_id"]}
        new.append(entry | ({"subject": row[SUBJECT]} if row[SUBJECT] is not None else {}))
    rejected = sorted([*intake.rejected, *new], key=lambda entry: entry["row"])
    return replace(intake, table=intake.table.filter(pa.array(~late)), rejected=rejected)


# -- dropping ----------------------------------------------------------------------------------------------------------
def _drop(db: Database, model: str, first: datetime, cut: datetime, now: datetime) -> int:
    """Remove the rows before a cut, their labels and feedback, and the marks of their buckets; what was known of them stays."""
    log, labels = log_table(model), label_table(model)

    def write(con: DuckDBPyConnection) -> int:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE leaving AS SELECT DISTINCT _id FROM {log} WHERE _event_time < ? "
            f"AND _id NOT IN (SELECT _id FROM {log} WHERE _event_time >= ?)",
            [naive(cut), naive(cut)],
        )
        (rows,) = con.execute(f"DELETE FROM {log} WHERE _event_time < ?", [naive(cut)]).fetchall()[0]
        con.execute(f"DELETE FROM {labels} WHERE _id IN (SELECT _id FROM leaving)")
        con.execute("DELETE FROM feedback WHERE model = ? AND _id IN (SELECT _id FROM leaving)", [model])
        con.execute("DELETE FROM unmatched_label WHERE model = ? AND _id IN (SELECT _id FROM leaving)", [model])
        con.execute("DELETE FROM label_repeats WHERE model = ?", [model])  # counted anew by the next run
        con.execute("DELETE FROM dirty WHERE model = ? AND bucket < ?", [model, naive(cut)])
        forget_before(con, model, cut)
        con.execute(
            "INSERT INTO archived (model, action, since, until, rows, bytes, written_at) VALUES (?, 'drop', ?, ?, ?, 0, ?)",
            [model, naive(first), naive(cut), rows, naive(now)],
        )
        con.execute("DROP TABLE temp.leaving")
        return int(rows)

    rows = db.write(write, about=model)
    db.memory["dropped", model] = cut
    return rows


def _first(con: DuckDBPyConnection, model: str, cut: datetime) -> datetime | None:
    found = single(con, f"SELECT min(_event_time) FROM {log_table(model)} WHERE _event_time < ?", [naive(cut)])
    return None if found is None else aware(found)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a model occupies."""

    rows: int
    archived_rows: int
    dropped_rows: int
    archive_bytes: int
    oldest: datetime | None


def stored(con: DuckDBPyConnection, model: str) -> Stored:
    """Return how many rows of a model lie where, and the oldest event time that queries reach."""
    row = first_row(
        con,
        "SELECT coalesce(sum(rows) FILTER (action = 'archive'), 0), coalesce(sum(rows) FILTER (action = 'drop'), 0), "
        "coalesce(sum(bytes), 0), min(first) FILTER (action = 'archive') FROM archived WHERE model = ?",
        [model],
    )
    assert row is not None
    rows, first = 0, None
    if tables_exist(con, model):
        found = first_row(con, f"SELECT count(*), min(_event_time) FROM {log_table(model)}")
        rows, first = found or (0, None)
    times = [moment for moment in (first, row[3]) if moment is not None]
    return Stored(rows, int(row[0]), int(row[1]), int(row[2]), aware(min(times)) if times else None)


def file_damage(database: Path, files: list[ArchiveFile]) -> list[str]:
    """Return, in words, which files of an archive are not there or not of the size they were written in."""
    problems = []
    for file in files:
        path = archive_folder(database) / file.path
        if not path.exists():
            problems.append(f"{file.path} is missing ({file.rows:,} rows)")
        elif os.path.getsize(path) != file.bytes:  # noqa: PTH202
            problems.append(f"{file.path} has {path.stat().st_size:,} bytes where {file.bytes:,} were written")
    return problems
