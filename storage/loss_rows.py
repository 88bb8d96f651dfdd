"""Labelled rows with what each cost, for explanations: a sample of a relation, inputs derived as a reference derives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from reference_data.profile import BinnedColumn
from storage.derived import compile_value
from storage.names import EVENT_TIME, literal
from storage.profiler import sample_sql
from storage.row_source import RowSource


def answered_by(rows: RowSource, version: str) -> RowSource:
    """Return the rows that one version answered."""
    mine = f"SELECT * FROM ({rows.relation}) AS v WHERE _model_version = {literal(version)}"
    return RowSource(rows.cursor, mine, rows.expressions, timed=rows.timed)


def foremost_version(rows: RowSource) -> str | None:
    """Return the version that answered most of the labelled rows, None without any."""
    sql = f"SELECT _model_version, count(*) AS n FROM ({rows.labelled().relation}) AS r GROUP BY 1 ORDER BY n DESC, 1 LIMIT 1"
    found = rows.cursor.execute(sql).fetchall()
    return str(found[0][0]) if found else None


def loss_rows(
    rows: RowSource,
    entries: Sequence[BinnedColumn],
    outcome: BinnedColumn,
    positive: str | None,
    most: int,
    *,
    ids: bool,
) -> pa.Table:
    """Return at most ``most`` labelled rows: ``c0``, ``c1``, … (the derived ``entries``), ``loss``, ``day`` (number, NULL without times), ``id``.

    ``outcome``: the column of the outcomes that is the loss, or says whether an answer is right. ``ids``: the rows have ids, and those that
    hash lowest are taken; else the first ones. Rows whose loss is not a finite number are left out.
    """
    value = compile_value(outcome, rows.expressions, positive=positive)
    cost = value if outcome.ordered else f"CASE {value} WHEN 'true' THEN 0e0 WHEN 'false' THEN 1e0 END"
    timed = EVENT_TIME if rows.timed else "NULL::TIMESTAMP"
    fields = [f"{compile_value(entry, rows.expressions)} AS c{place}" for place, entry in enumerate(entries)]
    fields += [
        f"CAST({cost} AS DOUBLE) AS loss",
        f"CAST(floor(epoch({timed}) / 86400) AS BIGINT) AS day",
        f"{'_id' if ids else 'NULL'} AS id",
    ]
    labelled = rows.labelled().relation
    drawn = sample_sql(labelled, "_id", most) if ids else f"SELECT * FROM ({labelled}) AS l LIMIT {int(most)}"
    return rows.cursor.sql(
        f"SELECT * FROM (SELECT {', '.join(fields)} FROM ({drawn}) AS d) AS f WHERE loss IS NOT NULL AND isfinite(loss)"
    ).to_arrow_table()


def rows_by_id(rows: RowSource, names: Sequence[str], ids: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return (id, event time, prediction, label, value of each of ``names``) of the rows with these ids, in any order."""
    cursor: duckdb.DuckDBPyConnection = rows.cursor
    fields = "".join(f", {rows.expressions[name]} AS c{place}" for place, name in enumerate(names))
    sql = f"SELECT _id, {EVENT_TIME}, _prediction, _label{fields} FROM ({rows.relation}) AS r WHERE _id IN (SELECT unnest(?))"
    found: list[tuple[Any, ...]] = cursor.execute(sql, [list(ids)]).fetchall()
    return found
