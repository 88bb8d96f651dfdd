"""Which versions answered, and since when."""

from __future__ import annotations

from datetime import datetime

import duckdb

from storage.buckets import aware
from storage.model_tables import log_table, tables_exist


def first_served(con: duckdb.DuckDBPyConnection, model: str) -> dict[str, datetime]:
    """Return the event time (aware) of the first row that each version served; reads the whole log."""
    if not tables_exist(con, model):
        return {}
    sql = f"SELECT _model_version, min(_event_time) FROM {log_table(model)} WHERE _role = 'serving' GROUP BY 1"
    return {version: aware(first) for version, first in con.execute(sql).fetchall()}


def profiled_versions(con: duckdb.DuckDBPyConnection, model: str) -> list[str]:
    """Return the versions that served any profiled bucket, in order of their first one."""
    sql = (
        "SELECT model_version FROM profile WHERE model = ? AND part = 'inputs' AND role = 'serving' AND segment IS NULL "
        "GROUP BY 1 ORDER BY min(bucket), 1"
    )
    return [version for (version,) in con.execute(sql, [model]).fetchall()]
