"""Rows that could not be taken: kept with where they came from, what was wrong, and what would have been taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from storage.buckets import naive
from storage.rows import registered

_TEXTS = ("field", "value", "error", "expected", "content", "id", "subject")


def keep_refused(
    con: DuckDBPyConnection,
    model: str,
    kind: str,
    now: datetime,
    refused: Sequence[Mapping[str, Any]],
    origin: str | None,
) -> None:
    """Keep rows that were refused, one entry each: the first problem of a row is enough.

    An entry has ``row`` and ``error``, and what is known of ``field``, ``value``, ``expected``, ``line``, ``content``, ``id``, ``subject``.
    """
    first = {entry["row"]: entry for entry in reversed(refused)}.values()
    if not first:
        return
    columns = {name: pa.array([entry[name] for entry in first], pa.int64()) for name in ("row",)}
    columns["line"] = pa.array([entry.get("line") for entry in first], pa.int64())
    columns |= {name: pa.array([entry.get(name) for entry in first], pa.string()) for name in _TEXTS}
    with registered(con, pa.table(columns)) as name:
        con.execute(
            f"INSERT INTO quarantine BY NAME SELECT $model AS model, $kind AS kind, $now::TIMESTAMP AS arrival_time, "
            f"$origin::VARCHAR AS origin, * FROM {name}",
            {"model": model, "kind": kind, "now": naive(now), "origin": origin},
        )
