"""Readings in the order in which they were written: what is new since a number, and the newest of each key."""

from __future__ import annotations

from typing import Any

from duckdb import DuckDBPyConnection

from storage.buckets import aware
from storage.names import quote

COLUMNS = (
    "seq",
    "model",
    "model_version",
    "scope",
    "check",
    "column",
    "segment",
    "window_start",
    "window_end",
    "value",
    "threshold",
    "verdict",
    "significant",
    "material",
    "harmful",
    "coverage",
)
_NAMES = ", ".join(
    f"coalesce({quote(name)}, 'nan'::DOUBLE)" if name in ("value", "threshold", "coverage") else quote(name)
    for name in COLUMNS
)
_START = COLUMNS.index("window_start")


def readings_since(con: DuckDBPyConnection, seq: int) -> list[tuple[Any, ...]]:
    """Return the readings written after number ``seq``, in that order, as tuples of :data:`COLUMNS`; times are aware."""
    return _aware(con.execute(f"SELECT {_NAMES} FROM reading WHERE seq > ? ORDER BY seq", [seq]).fetchall())


def newest_readings(con: DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Return, of each model, version and scope, the readings of the latest window that was judged; else of the latest.

    One pass over all readings: meant for once in the life of a process.
    """
    key = "model, model_version, scope"
    sql = (
        f"WITH latest AS (SELECT {key}, coalesce(max(window_start) FILTER (verdict NOT IN ('no_data', 'insufficient')), "
        f"max(window_start)) AS window_start FROM reading GROUP BY {key}) "
        f"SELECT {_NAMES} FROM reading SEMI JOIN latest USING ({key}, window_start) ORDER BY seq"
    )
    return _aware(con.execute(sql).fetchall())


def _aware(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(*row[:_START], aware(row[_START]), aware(row[_START + 1]), *row[_START + 2 :]) for row in rows]
