"""What a rule needs of the readings of all windows, in one query: the current ones of whoever served each window."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from storage.buckets import aware, naive

#: What is returned of a reading.
FIELDS = (
    "check", "scope", "column", "window_start", "window_end", "value", "reference_value", "p_value", "effect", "n", "verdict",
    "significant", "unit", "model_version", "reference_version",
)  # fmt: skip
_SERVED = (
    "SELECT window_start, arg_max(model_version, seq) AS model_version, arg_max(reference_version, seq) AS reference_version "
    "FROM reading WHERE model = ? AND \"check\" = 'row_count' AND segment IS NULL GROUP BY window_start"
)
_NAMES = ", ".join(f'reading."{name}"' for name in FIELDS)


def rule_readings(
    con: DuckDBPyConnection,
    model: str,
    named: Collection[tuple[str, str | None]],
    every: Collection[str],
    since: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return current readings of all rows by :data:`FIELDS` (aware times), in order of windows.

    ``named``: (check, column or None); ``every``: checks of which those of all columns are wanted. Of each window those of the version and
    reference that judged it last.
    """
    pairs = sorted(named, key=str)
    wanted = " OR ".join([
        '"check" IN (SELECT unnest(?::VARCHAR[]))', *['("check" = ? AND "column" IS NOT DISTINCT FROM ?::VARCHAR)'] * len(pairs),
    ])  # fmt: skip
    sql = (
        f"SELECT {_NAMES} FROM reading JOIN ({_SERVED}) AS served USING (window_start, model_version, reference_version) "
        f"WHERE model = ? AND segment IS NULL AND window_start >= ? AND ({wanted}) "
        'QUALIFY row_number() OVER (PARTITION BY window_start, scope, "check", "column" ORDER BY seq DESC) = 1 ORDER BY window_start'
    )
    first = naive(since) if since is not None else datetime(1, 1, 1)  # noqa: DTZ001 - as times are stored
    values = [model, model, first, sorted(every), *[each for pair in pairs for each in pair]]
    return _rows(con.execute(sql, values).fetchall())


def latest_said(con: DuckDBPyConnection, model: str) -> list[dict[str, Any]]:
    """Return the latest reading of all rows that says something, of each check and column, by :data:`FIELDS` (aware times)."""
    sql = (
        f"SELECT {_NAMES} FROM reading WHERE model = ? AND segment IS NULL AND isfinite(value) "
        "AND verdict NOT IN ('insufficient', 'no_data', 'error') "
        'QUALIFY row_number() OVER (PARTITION BY "check", "column" ORDER BY window_start DESC, seq DESC) = 1 ORDER BY "check", "column"'
    )
    return _rows(con.execute(sql, [model]).fetchall())


def _rows(rows: list[Any]) -> list[dict[str, Any]]:
    found = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    for row in found:
        row["window_start"], row["window_end"] = aware(row["window_start"]), aware(row["window_end"])
    return found
