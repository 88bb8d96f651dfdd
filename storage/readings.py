"""Readings: one long table, appended to; of each key the one written last is current."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
from duckdb import DuckDBPyConnection

from storage.buckets import aware, naive
from storage.database import Database
from storage.names import quote
from storage.rows import first_row, insert, single

_MOMENT = pa.timestamp("us")

#: Columns of a reading, as :class:`monitors.types.Reading` has them, with its window taken apart.
SCHEMA = pa.schema(
    {
        "model": pa.string(),
        "model_version": pa.string(),
        "reference_version": pa.int32(),
        "check": pa.string(),
        "scope": pa.string(),
        "column": pa.string(),
        "segment": pa.string(),
        "window_start": _MOMENT,
        "window_end": _MOMENT,
        "value": pa.float64(),
        "reference_value": pa.float64(),
        "threshold": pa.float64(),
        "lower": pa.float64(),
        "upper": pa.float64(),
        "p_value": pa.float64(),
        "effect": pa.float64(),
        "n": pa.int64(),
        "n_reference": pa.int64(),
        "verdict": pa.string(),
        "significant": pa.bool_(),
        "material": pa.bool_(),
        "harmful": pa.bool_(),
        "unit": pa.string(),
        "sentence": pa.string(),
        "computed_at": _MOMENT,
        "error": pa.string(),
        "scale": pa.int32(),
        "drivers": pa.string(),  # JSON: pairs of column and share; NULL without any
        "ci_lower": pa.float64(),
        "ci_upper": pa.float64(),
        "coverage": pa.float64(),
    }
)
#: What makes two readings restatements of one: all but the values, and when they were computed.
KEY = ("model_version", "reference_version", "scope", "check", "column", "segment", "window_start", "window_end")
ANY_SEGMENT = "*"
_TIMES = ("window_start", "window_end", "computed_at")


def append_readings(db: Database, columns: Mapping[str, Sequence[Any]]) -> None:
    """Append readings and return when they are committed: columns of the fields of :data:`SCHEMA`, with aware times.

    Raises :class:`KeyError` naming a field that is missing.
    """
    table = pa.table([_array(field, columns[field.name]) for field in SCHEMA], schema=SCHEMA)
    if table.num_rows:
        models = set(columns["model"])
        db.write(lambda con: insert(con, "reading", table), about=models.pop() if len(models) == 1 else None)


def _array(field: pa.Field, values: Sequence[Any]) -> pa.Array:
    if field.name in _TIMES:  # what is read as times of a zone is kept in UTC
        return pa.array(values, pa.timestamp("us", "UTC")).cast(field.type)
    return pa.array(values, field.type)


def current_readings(
    con: DuckDBPyConnection,
    model: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    model_version: str | None = None,
    reference_version: int | None = None,
    check: str | None = None,
    scope: str | None = None,
    column: str | None = None,
    verdict: str | None = None,
    segment: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Return the current reading of each key, ordered by window, check, column and segment; times are aware.

    ``segment``: the readings inside one, or with ``*`` inside any; left out: those of all rows.

    ``since`` and ``until`` bound the start of the window; ``verdict`` is that of the current reading, whatever earlier ones said.
    """
    equal = {
        "model": model,
        "model_version": model_version,
        "reference_version": reference_version,
        "check": check,
        "scope": scope,
        "column": column,
    }
    conditions: dict[str, Any] = {f"{quote(name)} = ?": value for name, value in equal.items() if value is not None}
    bounds = {"window_start >= ?": since, "window_start < ?": until}
    conditions |= {sql: naive(moment) for sql, moment in bounds.items() if moment is not None}
    inside = {None: "segment IS NULL", ANY_SEGMENT: "segment IS NOT NULL"}.get(segment, "segment = ?")
    names = ", ".join(map(quote, SCHEMA.names))
    key = ", ".join(map(quote, KEY))
    sql = (
        f"SELECT {names} FROM (SELECT * FROM reading WHERE {' AND '.join([*conditions, inside])} "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY seq DESC) = 1) "
        "WHERE coalesce(verdict = ?, true) "
        'ORDER BY window_start, window_end, model_version, reference_version, "check", "column" NULLS FIRST, segment NULLS FIRST, scope '
        "LIMIT ? OFFSET ?"
    )
    named = [segment] if inside.endswith("?") else []
    rows = con.execute(sql, [*conditions.values(), *named, verdict, limit, offset]).fetchall()
    found = [dict(zip(SCHEMA.names, row, strict=True)) for row in rows]
    for row in found:
        row.update({name: aware(row[name]) for name in _TIMES})
    return found


def names_read(con: DuckDBPyConnection, model: str) -> tuple[set[str], set[str]]:
    """Return the checks and the columns of which a model has, or ever had, a reading."""
    rows = con.execute('SELECT DISTINCT "check", "column" FROM reading WHERE model = ?', [model]).fetchall()
    return {check for check, _ in rows}, {column for _, column in rows if column is not None}


def checks_with(
    con: DuckDBPyConnection,
    model: str,
    verdict: str,
    among: Collection[str],
    *,
    since: datetime,
    until: datetime,
    model_version: str,
    reference_version: int,
) -> set[str]:
    """Return which of the column checks ``among`` have a current reading of a verdict, in windows that start in [since, until)."""
    said = "model = ? AND model_version = ? AND reference_version = ? AND window_start >= ? AND window_start < ?"
    ever = [model, model_version, reference_version, naive(since), naive(until), verdict]
    if first_row(con, f"SELECT 1 FROM reading WHERE {said} AND verdict = ? AND scope = 'column' LIMIT 1", ever) is None:
        return set()  # as is usual, and known without looking for the latest of each
    key = ", ".join(map(quote, KEY))
    sql = (
        'SELECT DISTINCT "check" FROM (SELECT "check", arg_max(verdict, seq) AS verdict FROM reading '
        "WHERE model = ? AND model_version = ? AND reference_version = ? AND scope = 'column' AND segment IS NULL "
        f'AND "check" IN (SELECT unnest(?::VARCHAR[])) AND window_start >= ? AND window_start < ? GROUP BY {key}) '
        "WHERE verdict = ?"
    )
    values = [model, model_version, reference_version, list(among), naive(since), naive(until), verdict]
    return {name for (name,) in con.execute(sql, values).fetchall()}


def latest_window(con: DuckDBPyConnection, model: str, check: str) -> datetime | None:
    """Return the start (aware) of the latest window that has a reading of a check."""
    found = single(con, 'SELECT max(window_start) FROM reading WHERE model = ? AND "check" = ?', [model, check])
    return None if found is None else aware(found)


def latest_judgement(con: DuckDBPyConnection, model: str) -> datetime | None:
    """Return the latest time (aware) at which anything of a model was judged."""
    found = single(con, "SELECT max(computed_at) FROM reading WHERE model = ?", [model])
    return None if found is None else aware(found)


def all_readings(
    con: DuckDBPyConnection, model: str, check: str, window_start: datetime, column: str | None
) -> list[dict[str, Any]]:
    """Return every value that was stored of one check in one window (of all rows, no segment), oldest first; times are aware.

    What was estimated of it before labels came is not among them: that bears the same name.
    """
    names = ", ".join(map(quote, SCHEMA.names))
    rows = con.execute(
        f'SELECT {names} FROM reading WHERE model = ? AND "check" = ? AND window_start = ? '
        "AND \"column\" IS NOT DISTINCT FROM ?::VARCHAR AND segment IS NULL AND scope <> 'estimate' ORDER BY seq",
        [model, check, naive(window_start), column],
    ).fetchall()
    found = [dict(zip(SCHEMA.names, row, strict=True)) for row in rows]
    for row in found:
        row.update({name: aware(row[name]) for name in _TIMES})
    return found


class Restated(NamedTuple):
    """How often a value was changed by what came late, and what it was at first."""

    first: float
    times: int


def restated(con: DuckDBPyConnection, model: str, check: str) -> dict[tuple[str, int, datetime], Restated]:
    """Return the performance readings whose value changed, by model version, reference version and (aware) start of the window."""
    key = "model_version, reference_version, window_start, window_end"
    rows = con.execute(
        f"SELECT model_version, reference_version, window_start, arg_min(value, seq), count_if(value <> before) FROM ("
        f"SELECT {key}, seq, value, lag(value) OVER (PARTITION BY {key} ORDER BY seq) AS before FROM reading "
        "WHERE model = ? AND \"check\" = ? AND scope = 'performance' AND segment IS NULL AND isfinite(value)) "
        f"GROUP BY {key} HAVING count_if(value <> before) > 0",
        [model, check],
    ).fetchall()
    return {(row[0], row[1], aware(row[2])): Restated(row[3], row[4]) for row in rows}


class Judged(NamedTuple):
    """What the current readings of a window say about themselves."""

    at: datetime  # when it was judged last
    labelled: bool  # whether any of the outcome readings had labels to go by


def judged_windows(
    con: DuckDBPyConnection,
    model: str,
    model_version: str,
    reference_version: int,
    *,
    outcomes: Collection[str],
    without: Collection[str],
) -> dict[datetime, Judged]:
    """Return the windows (aware starts) that have readings of one version against one reference.

    ``outcomes`` are the columns whose readings need labels, as all of scope ``performance`` do; ``without`` are the verdicts that say
    there were none.
    """
    # only the few readings that need labels are told from their restatements: the rest are many, and are asked for their age alone
    key, of = (
        ", ".join(map(quote, KEY)),
        "FROM reading WHERE model = $m AND model_version = $v AND reference_version = $r",
    )
    sql = (
        f"SELECT window_start, max(computed_at), coalesce(any_value(labelled), false) "
        f"FROM (SELECT window_start, computed_at {of}) LEFT JOIN ("
        "SELECT window_start, bool_or(verdict NOT IN (SELECT unnest($without::VARCHAR[]))) AS labelled FROM ("
        f"SELECT window_start, arg_max(verdict, seq) AS verdict {of} "
        f"AND (scope = 'performance' OR \"column\" IN (SELECT unnest($outcomes::VARCHAR[]))) GROUP BY {key}) GROUP BY window_start"
        ") USING (window_start) GROUP BY window_start"
    )
    values = {
        "m": model, "v": model_version, "r": reference_version, "without": list(without), "outcomes": list(outcomes)
    }  # fmt: skip
    return {
        aware(start): Judged(aware(at), bool(labelled)) for start, at, labelled in con.execute(sql, values).fetchall()
    }
