"""A model's log and labels: what may be done with them, in one place."""

from __future__ import annotations

from storage.append_common import HORIZON, AppendResult, touched_buckets
from storage.append_labels import append_labels
from storage.appends import Arrival, append_log, append_logs
from storage.log_queries import (
    RowCount,
    WindowCount,
    count_rows,
    export_parquet,
    label_span,
    latest_event_time,
    page_rows,
    window_counts,
)
from storage.model_tables import (
    ensure_model_tables,
    joined_relation,
    log_relation,
    prepare_model,
    table_relation,
    tables_exist,
)

__all__ = [
    "HORIZON",
    "AppendResult",
    "Arrival",
    "RowCount",
    "WindowCount",
    "append_labels",
    "append_log",
    "append_logs",
    "count_rows",
    "ensure_model_tables",
    "export_parquet",
    "joined_relation",
    "label_span",
    "latest_event_time",
    "log_relation",
    "page_rows",
    "prepare_model",
    "table_relation",
    "tables_exist",
    "touched_buckets",
    "window_counts",
]
