"""Rows as CSV, JSON and Parquet: what a page, a command or a route gives away, with nothing in it that a spreadsheet would run.

The numbers are those that were computed, not those that were rounded for reading. Missing stays missing: an empty cell, ``null``.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

Rows = Sequence[Mapping[str, Any]]
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
# What spreadsheets take for a formula, in the wide letters of Asian keyboards too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def columns(rows: Rows) -> list[str]:
    """Return the names of all columns in the order in which they first occur, without those that hold pictures."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if not any(_picture(row.get(name)) for row in rows)]


def as_csv(rows: Rows) -> str:
    """Return rows as CSV; a text, or a name of a column, that a spreadsheet would run as a formula gets an apostrophe before it."""
    names, target = columns(rows), io.StringIO()
    if names:
        writer = csv.writer(target)  # lines end as RFC 4180 says, so that a lone CR or LF in a cell is quoted
        writer.writerow([_cell(name) for name in names])
        writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return target.getvalue()


def as_json(rows: Rows) -> str:
    """Return rows as a JSON list of objects; JSON knows no infinite number and none that is not one, so those are null."""
    names = columns(rows)
    return as_json_text([{name: _plain(row.get(name)) for name in names} for row in rows])


def as_json_text(value: object) -> str:
    """Return what JSON can hold as text for people and programs."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def as_parquet(rows: Rows) -> bytes:
    """Return rows as Parquet with typed columns: numbers, booleans, moments in UTC, text; what is nested is JSON text."""
    names = columns(rows)
    table = pa.table({name: _column([row.get(name) for row in rows]) for name in names})
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


def written(rows: Rows, form: str) -> str | bytes:
    """Return rows in one of the forms of :data:`MEDIA`."""
    write: Mapping[str, Callable[[Rows], str | bytes]] = {"csv": as_csv, "json": as_json, "parquet": as_parquet}
    return write[form](rows)


def safe_name(*parts: object) -> str:
    """Return a file name without its ending: letters, digits, dots and dashes, whatever the parts are called."""
    words = "-".join(str(part) for part in parts)
    kept = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in words)
    return kept.strip(".-")[:120] or "export"


def quoted(name: str) -> str:
    """Return a file name for the header of an answer (RFC 8187)."""
    return quote(name, safe="")


def _picture(value: object) -> bool:
    return isinstance(value, str) and value.startswith("data:image/")


def _cell(value: object) -> object:
    value = _plain(value, bounded=False)
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value


def _plain(value: Any, *, bounded: bool = True) -> Any:
    """Return a value of JSON's kinds: times as ISO 8601, numbers of other libraries as Python's; ``bounded``: finite or None."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) or not bounded else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, bounded=bounded) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [_plain(inner, bounded=bounded) for inner in value]
    return str(value)


def _column(values: Sequence[Any]) -> pa.Array:
    """Return values as the narrowest Arrow type that holds them all unchanged."""
    kept = [_plain(value, bounded=False) for value in values]
    present = [value for value in kept if value is not None]
    kinds = {type(value) for value in present}
    if not present:
        return pa.array(kept, pa.string())
    if kinds == {bool}:
        return pa.array(kept, pa.bool_())
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in present):
        return pa.array(kept, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in kept], pa.float64())
    moments = [_moment(value) for value in kept]
    if kinds == {str} and all(moment is not None or value is None for moment, value in zip(moments, kept, strict=True)):
        return pa.array(moments, pa.timestamp("us", tz="UTC"))
    return pa.array([value if value is None or isinstance(value, str) else json.dumps(value) for value in kept])


def _moment(value: object) -> datetime | None:
    """Return a text with date, time and offset as a moment, None for any other."""
    if not isinstance(value, str) or len(value) < len("2013-01-01T00:00Z") or value[10] != "T":
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
