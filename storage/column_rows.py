"""The rows behind one bar of a column's histogram, a page at a time."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from reference_data.profile import BinnedColumn
from storage.buckets import aware
from storage.derived import compile_value
from storage.row_source import RowSource
from storage.value_bars import place_sql

#: What every row begins with, beside the column itself.
_FIRST = {"prediction_id": "_id", "event_time": "_event_time", "model_version": "_model_version"}


def rows_of_bar(
    source: RowSource,
    entry: BinnedColumn,
    place: int | None,
    *,
    limit: int,
    offset: int,
    positive: str | None = None,
) -> tuple[list[str], list[dict[str, Any]], int]:
    """Return column names, one page of the rows in a bar (``place`` None: those without a value) by event time, and how many there are.

    Rows are JSON-ready: times as ISO 8601 in UTC, None for NaN and infinities. The column that is asked for stands before the others.
    """
    known = source.expressions
    name = entry.column.name
    bar, parameters = place_sql(entry.bins, compile_value(entry, known, positive=positive))
    own = {name: known[name]} if name in known else {}
    fields = _FIRST | own | {other: sql for other, sql in known.items() if other not in _FIRST and other != name}
    columns = ", ".join(f"{sql} AS c{index}" for index, sql in enumerate(fields.values()))
    sql = (
        f"SELECT {columns}, count(*) OVER () FROM ({source.relation}) AS r WHERE {bar} IS NOT DISTINCT FROM ? "
        "ORDER BY _event_time, _id, _model_version LIMIT ? OFFSET ?"
    )
    found = source.cursor.execute(sql, [*parameters, place, limit, offset]).fetchall()
    total = found[0][-1] if found else 0
    if not found and offset:
        counted = f"SELECT count(*) FROM ({source.relation}) AS r WHERE {bar} IS NOT DISTINCT FROM ?"
        total = source.cursor.execute(counted, [*parameters, place]).fetchall()[0][0]
    return list(fields), [dict(zip(fields, map(_shown, row), strict=False)) for row in found], total


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return aware(value).isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
