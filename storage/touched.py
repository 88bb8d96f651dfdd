"""Up to which write the rows and labels of some windows are known: what was made of them stays good while that is so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storage.buckets import naive
from storage.rows import first_row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from reference_data.windows import Window


def rows_mark(con: DuckDBPyConnection, model: str, windows: Sequence[Window]) -> tuple[int, ...]:
    """Return numbers that differ once a row or label of ``windows`` has come, or a label whose prediction has yet to be looked for.

    Deletions are not in it: see :meth:`storage.database.Database.stamp`. A bucket (a day of 25 hours at most) that begins before a window may reach into it.
    """
    inside = " OR ".join("bucket < ? AND bucket > ?::TIMESTAMP - INTERVAL 26 HOUR" for _ in windows)
    bounds = [naive(bound) for window in windows for bound in (window.end, window.start)]
    touched = "SELECT coalesce(max(seq), 0) FROM {} WHERE model = ? AND ({})"
    sql = (
        f"SELECT ({touched.format('dirty', inside)}), ({touched.format('profiled', inside)}), "
        "(SELECT coalesce(max(seq), 0) FROM unmatched_label WHERE model = ?)"
    )
    return tuple(first_row(con, sql, [model, *bounds, model, *bounds, model]) or ())
