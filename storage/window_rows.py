"""Rows of one window, as they were served: all of them, or a sample that is the same wherever it is drawn."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from storage.buckets import moment_sql
from storage.model_tables import log_relation
from storage.names import EVENT_TIME, literal
from storage.profiler import sample_hash

_DIGITS = 8  # hexadecimal ones of a hash that are held against the share
_SPARE = 1.05  # a share of rows is drawn by their hashes, so it may come out a little smaller


def window_rows(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str, within: Window, n: int, most: int
) -> pa.Table:
    """Return about ``most`` of the ``n`` rows that one version served in a window: inputs by declared name, ``prediction``, ``score`` (or
    ``scores``) and the event time.
    """
    log, expressions = log_relation(spec, within, cursor)
    names = [column.name for column in spec.columns if column.type not in ("embedding", "text")]
    names += [name for name in ("prediction", "score", "scores") if name in expressions]
    fields = ", ".join(f"{expressions[name]} AS c{place}" for place, name in enumerate(names))
    where = (
        f"{EVENT_TIME} >= {moment_sql(within.start)} AND {EVENT_TIME} < {moment_sql(within.end)} "
        f"AND _role = 'serving' AND _model_version = {literal(version)}"
    )
    if n > most:
        share = int(min(most * _SPARE / n, 1.0) * (16**_DIGITS - 1))
        where += f" AND left({sample_hash('_id')}, {_DIGITS}) < '{share:0{_DIGITS}x}'"
    table = cursor.sql(
        f"SELECT {EVENT_TIME} AS e, {fields} FROM ({log}) AS l WHERE {where} LIMIT {int(most)}"
    ).to_arrow_table()
    return table.rename_columns([EVENT_TIME, *names])
