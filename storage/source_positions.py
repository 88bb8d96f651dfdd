"""How far sources have been read, kept beside the rows themselves, so that both are committed or neither is."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from reference_data.declaration import Source
from storage.buckets import naive
from storage.rows import single

#: What makes a source read something else; the rest (schedule, transform, columns, options) may change in between.
_READS = ("model", "into", "read", "sql", "topic", "connection", "watermark")


def reads(source: Source) -> str:
    """Return a short name for what a source, as declared, reads: positions belong to that, not to the source's name alone."""
    text = json.dumps({name: getattr(source, name) for name in _READS}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_positions(con: DuckDBPyConnection, source: Source) -> dict[str, dict[str, Any]]:
    """Return how far each part of a source has been read."""
    rows = con.execute(
        "SELECT part, arg_max(position, seq) FROM source_position WHERE source = ? AND reads = ? GROUP BY part",
        [source.name, reads(source)],
    ).fetchall()
    return {part: json.loads(position) for part, position in rows}


def write_position(con: DuckDBPyConnection, source: Source, part: str, position: dict[str, Any], now: datetime) -> None:
    """Say how far a part has been read, inside of the transaction that keeps its rows; what was said before is forgotten."""
    place = [source.name, reads(source), part]
    con.execute("DELETE FROM source_position WHERE source = ? AND reads = ? AND part = ?", place)
    seq = single(con, "SELECT seq + 1 FROM written")
    con.execute(
        "INSERT INTO source_position (source, reads, part, position, written_at, seq) VALUES (?, ?, ?, ?, ?, ?)",
        [*place, json.dumps(position), naive(now), seq],
    )
