"""How many labels have come since a moment: what a model waits for that is trained after so many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.buckets import naive
from storage.model_tables import label_table, tables_exist
from storage.rows import single

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection


def labels_since(con: DuckDBPyConnection, model: str, since: datetime | None) -> int:
    """Return of how many predictions a label came after ``since`` (aware; None: ever). A corrected label counts as one."""
    if not tables_exist(con, model):
        return 0
    where, values = ("", []) if since is None else (" WHERE _arrival_time > ?", [naive(since)])
    return int(single(con, f"SELECT count(DISTINCT _id) FROM {label_table(model)}{where}", values))
