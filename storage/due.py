"""Which buckets have to be profiled (again), and since when the stored ones are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import duckdb

from storage.archives import dropped_until
from storage.buckets import aware
from storage.database import Database
from storage.profile_store import Part, dirty_buckets, missing_buckets


@contextmanager
def snapshot(db: Database) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a reader for which time stands still: everything it reads is of one moment, whatever is written meanwhile."""
    with db.cursor() as cursor:
        cursor.execute("BEGIN TRANSACTION")
        try:
            yield cursor
        finally:
            cursor.execute("ROLLBACK")


def due_buckets(
    con: duckdb.DuckDBPyConnection,
    model: str,
    reference_version: int,
    part: Part,
    wanted: Iterable[datetime],
) -> list[datetime]:
    """Return, in order, the buckets of one reference version to profile now.

    These are the ones of ``wanted`` (aware starts) that were never profiled, and the dirty ones that are stored for this version: a
    reference that is no longer in use stays true where it was read, without being extended.
    """
    stored = profiled_at(con, model, reference_version, part)
    dirty = set(dirty_buckets(con, model, part))
    due = sorted({*missing_buckets(con, model, reference_version, part, wanted), *(dirty & stored.keys())})
    gone = dropped_until(con, model)  # profiling what has no rows any more would wipe what is known of it
    return due if gone is None else [bucket for bucket in due if bucket >= gone]


def profiled_at(
    con: duckdb.DuckDBPyConnection, model: str, reference_version: int, part: Part
) -> dict[datetime, datetime]:
    """Return when each stored bucket (aware start) was profiled last."""
    sql = "SELECT bucket, computed_at FROM profiled WHERE model = ? AND reference_version = ? AND part = ?"
    rows = con.execute(sql, [model, reference_version, part]).fetchall()
    return {aware(bucket): aware(computed) for bucket, computed in rows}


def touched_references(con: duckdb.DuckDBPyConnection, model: str) -> set[int]:
    """Return the reference versions for which a bucket is stored that has changed since."""
    sql = "SELECT DISTINCT reference_version FROM profiled JOIN dirty USING (model, part, bucket) WHERE model = ?"
    return {row[0] for row in con.execute(sql, [model]).fetchall()}


def latest_profile(con: duckdb.DuckDBPyConnection, model: str) -> datetime | None:
    """Return when (aware) a bucket of a model was profiled last; None before the first."""
    ((at,),) = con.execute("SELECT max(computed_at) FROM profiled WHERE model = ?", [model]).fetchall()
    return None if at is None else aware(at)
