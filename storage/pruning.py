"""What is kept beside the rows for a time only: answers to keys, and refused rows. Without an end they would fill the home."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from duckdb import DuckDBPyConnection

from reference_data.declaration import ModelSpec
from reference_data.section import parse_duration
from storage.append_common import HORIZON
from storage.buckets import naive
from storage.database import Database
from storage.rows import single

REFUSED_FOR = timedelta(days=400)  # refused rows of a model that declares no retention: a year, and time to look at it
REFUSED_MOST = 1_000_000  # refused rows of a model, the newest


def prune(db: Database, spec: ModelSpec, now: datetime, most: int = REFUSED_MOST) -> None:
    """Delete answers to keys older than :data:`HORIZON`, and refused rows that came before the model's retention, or beyond ``most``.

    Age is counted from the latest entry that is not of the future, so that a clock which has jumped ahead takes nothing.
    """
    keep = REFUSED_FOR if spec.retention.keep is None else parse_duration(spec.retention.keep)
    with db.cursor() as con:
        due = [
            *_older(con, spec.name, "append_key", "written_at", HORIZON, now),
            *_older(con, spec.name, "quarantine", "arrival_time", keep, now),
        ]
        beyond = single(con, "SELECT count(*) FROM quarantine WHERE model = ?", [spec.name]) > most
    if not due and not beyond:
        return

    def write(con: DuckDBPyConnection) -> None:
        for sql, values in due:
            con.execute(sql, values)
        if beyond:
            con.execute(
                "DELETE FROM quarantine WHERE rowid IN (SELECT rowid FROM quarantine WHERE model = ? "
                "ORDER BY arrival_time DESC, rowid DESC OFFSET ?)",
                [spec.name, most],
            )

    db.write(write, about=spec.name, came=True)


def _older(
    con: DuckDBPyConnection, model: str, table: str, column: str, age: timedelta, now: datetime
) -> list[tuple[str, list[Any]]]:
    """Return the statement that deletes what is older, none when nothing is."""
    latest = single(con, f"SELECT max({column}) FROM {table} WHERE model = ? AND {column} <= ?", [model, naive(now)])
    if latest is None:
        return []
    where, values = f"WHERE model = ? AND {column} < ?", [model, latest - age]
    found = single(con, f"SELECT count(*) FROM {table} {where}", values)
    return [(f"DELETE FROM {table} {where}", values)] if found else []
