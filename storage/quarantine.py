"""Rows that could not be taken: kept with where they came from, what was wrong, and what would have been taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from storage.buckets import aware, naive
from storage.rows import registered

MOST_CHARACTERS = 1000  # of a value or an error that is kept
#: What names a refused row: where and when it came; two that came at once at the same place are told apart by what they said.
_REF = "md5(concat_ws('|', kind, epoch_us(arrival_time), origin, row, id, field, value, error, content))"
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
    by_row: dict[int, Mapping[str, Any]] = {}
    for entry in refused:
        by_row.setdefault(entry["row"], entry)
    if not by_row:
        return
    first = by_row.values()
    columns = {name: pa.array([entry[name] for entry in first], pa.int64()) for name in ("row",)}
    columns["line"] = pa.array([entry.get("line") for entry in first], pa.int64())
    columns |= {name: pa.array([_short(name, entry.get(name)) for entry in first], pa.string()) for name in _TEXTS}
    with registered(con, pa.table(columns)) as name:
        con.execute(
            f"INSERT INTO quarantine BY NAME SELECT $model AS model, $kind AS kind, $now::TIMESTAMP AS arrival_time, "
            f"$origin::VARCHAR AS origin, * FROM {name}",
            {"model": model, "kind": kind, "now": naive(now), "origin": origin},
        )


def _short(name: str, text: str | None) -> str | None:
    """Cut a text short, except ids and subjects, which are found by all of their characters, and rows, which are to be repaired."""
    if text is None or name in ("id", "subject", "content") or len(text) <= MOST_CHARACTERS:
        return text
    return text[: MOST_CHARACTERS - 1] + "…"


_COLUMNS = ("kind", "arrival_time", "origin", "row", "line", "field", "value", "expected", "error", "content")


def refused_rows(con: DuckDBPyConnection, model: str, limit: int, offset: int) -> list[dict[str, Any]]:
    """Return a page of the refused rows of a model that wait, latest first, by column; times are aware, ``ref`` names a row."""
    sql = (
        f"SELECT {_REF}, {', '.join(_COLUMNS)} FROM quarantine WHERE model = ? AND repaired_at IS NULL "
        "ORDER BY arrival_time DESC, rowid DESC LIMIT ? OFFSET ?"
    )
    return [_entry(model, row) for row in con.execute(sql, [model, limit, offset]).fetchall()]


def refused_by_ref(con: DuckDBPyConnection, model: str, refs: Sequence[str]) -> list[dict[str, Any]]:
    """Return the refused rows of these names that still wait, in the order of ``refs``."""
    sql = f"SELECT {_REF}, {', '.join(_COLUMNS)} FROM quarantine WHERE model = ? AND repaired_at IS NULL AND {_REF} IN (SELECT unnest(?))"
    found = {row[0]: _entry(model, row) for row in con.execute(sql, [model, list(refs)]).fetchall()}
    return [found[ref] for ref in refs if ref in found]


def mark_repaired(con: DuckDBPyConnection, model: str, refs: Sequence[str], now: datetime) -> None:
    """Say that refused rows were repaired and taken: they wait no longer, and stay as a record."""
    con.execute(
        f"UPDATE quarantine SET repaired_at = ? WHERE model = ? AND repaired_at IS NULL AND {_REF} IN (SELECT unnest(?))",
        [naive(now), model, list(refs)],
    )


def _entry(model: str, row: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(("ref", *_COLUMNS), row, strict=True))
    return {"model": model, **found, "arrival_time": aware(found["arrival_time"])}


def refused_groups(con: DuckDBPyConnection, model: str) -> list[dict[str, Any]]:
    """Return how many rows were refused for what: by field, what would have been taken, and origin; the largest first."""
    sql = (
        "SELECT field, arg_max(error, (arrival_time, rowid)), origin, count(*), min(arrival_time), max(arrival_time) "
        "FROM quarantine WHERE model = ? AND repaired_at IS NULL GROUP BY field, expected, origin ORDER BY 4 DESC, 6 DESC, field, origin"
    )
    names = ("field", "error", "origin", "rows", "first_seen", "last_seen")
    rows = con.execute(sql, [model]).fetchall()
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [row | {name: aware(row[name]) for name in ("first_seen", "last_seen")} for row in found]
