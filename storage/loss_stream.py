"""Single losses in the order in which their labels became known, for detectors that watch streams."""

from __future__ import annotations

import pyarrow as pa
from duckdb import DuckDBPyConnection

from storage.archives import whole_log
from storage.buckets import moment_sql
from storage.loss_steps import LossSource
from storage.model_tables import label_table, tables_exist

_SCHEMA = pa.schema(
    {"event_time": pa.timestamp("us"), "label_time": pa.timestamp("us"), "loss": pa.float64(), "wrong": pa.bool_()}
)


def loss_stream(con: DuckDBPyConnection, model: str, version: str, source: LossSource, most: int) -> pa.Table:
    """Return ``event_time`` and ``label_time`` (naive UTC), ``loss`` and ``wrong`` of the latest ``most`` labelled rows, the oldest first.

    A label that was corrected stands where its first entry came, with its latest value.
    """
    if not tables_exist(con, model):
        return _SCHEMA.empty_table()
    since = f" AND _event_time >= {moment_sql(source.since)}" if source.since else ""
    found = con.sql(
        "WITH e AS (SELECT _id, min(_seq) AS _first, arg_min(_label_time, _seq) AS _known, arg_max(_label, _seq) AS _label "
        f"FROM {label_table(model)} GROUP BY _id), "
        f"r AS (SELECT _event_time AS event_time, _known AS label_time, _first, {source.sql} AS loss, "
        "(CAST(_prediction AS VARCHAR) <> CAST(_label AS VARCHAR)) AS wrong "
        f"FROM (SELECT * FROM {whole_log(con, model)} WHERE _role = 'serving' AND _model_version = $v{since}) AS l JOIN e USING (_id)) "
        "SELECT event_time, label_time, loss, wrong FROM (SELECT * FROM r WHERE isfinite(loss) AND wrong IS NOT NULL "
        "ORDER BY label_time DESC, _first DESC LIMIT $most) ORDER BY label_time, _first",
        params={"v": version, "most": most},
    ).to_arrow_table()
    return found.cast(_SCHEMA)
