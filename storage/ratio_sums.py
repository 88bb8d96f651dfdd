"""Sums of the two sides of ratios, of two versions over the buckets in which both answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from storage.buckets import bucket_sql
from storage.custom_checks import SECONDS, check_expression, columns, limited
from storage.model_tables import joined_relation, tables_exist
from storage.names import EVENT_TIME, literal, quote


def ratio_sums(
    con: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    aggregates: Mapping[str, Sequence[str]],
    versions: tuple[str, str],
    windows: Sequence[Window],
) -> dict[tuple[str, str], tuple[float, ...]]:
    """Return each name's aggregates by version, over the buckets of ``windows`` (ascending and apart) in which both have rows.

    An aggregate that gives NULL counts as 0. Raises :class:`storage.custom_checks.CustomCheckError` for SQL that may not be run, and
    :class:`duckdb.InterruptException` when all of it takes longer than a run's own checks may.
    """
    if not windows or not tables_exist(con, spec.name):
        return {}
    every = [sql for each in aggregates.values() for sql in each]
    for sql in every:
        check_expression(spec, sql, bind=False)
    relation, expressions = joined_relation(spec, Window(windows[0].start, windows[-1].end), con)
    known = {"latency_ms": "_latency_ms"} | expressions
    fields = ", ".join(f"{known[name]}::{kind} AS {quote(name)}" for name, kind in columns(spec).items())
    bucket, inside = bucket_sql(windows, EVENT_TIME)
    named = ", ".join(literal(version) for version in versions)
    rows = f"SELECT _model_version AS _v, {bucket} AS _bucket, {fields} FROM ({relation}) AS l WHERE ({inside}) AND _model_version IN ({named})"
    both = "SELECT _bucket FROM answered GROUP BY _bucket HAVING count(DISTINCT _v) = 2"
    wanted = ", ".join(f"(\n{sql}\n)::DOUBLE" for sql in every)
    query = f"WITH answered AS MATERIALIZED ({rows}) SELECT _v, {wanted} FROM answered AS rows WHERE _bucket IN ({both}) GROUP BY _v"
    with limited(con, SECONDS):
        found = {
            row[0]: [0.0 if value is None else float(value) for value in row[1:]]
            for row in con.execute(query).fetchall()
        }
    result: dict[tuple[str, str], tuple[float, ...]] = {}
    for version, values in found.items():
        place = 0
        for name, each in aggregates.items():
            result[name, version] = tuple(values[place : place + len(each)])
            place += len(each)
    return result
