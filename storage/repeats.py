"""Rows that came again under an id that was known: left out of the log, and counted by when they happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from reference_data.windows import Window, WindowSpec
from storage.append_common import touched_buckets
from storage.archives import whole_log
from storage.buckets import aware, bucket_sql, bucket_start, naive

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (naive UTC, as stored)
_MICROSECOND = timedelta(microseconds=1)


def keep_repeats(
    con: DuckDBPyConnection,
    model: str,
    times: NDArray[np.int64],
    other: NDArray[np.bool_],
    bucket_spec: WindowSpec,
    now: datetime,
) -> None:
    """Count rows that were left out by bucket; ``times`` are their event times in microseconds since 1970.

    ``other``: which of them have another event time than the row that was kept, so they are no repetition of it.
    """
    if not len(times):
        return
    starts = sorted(touched_buckets(times, bucket_spec))
    edges = np.asarray([(naive(start) - _EPOCH) // _MICROSECOND for start in starts], dtype=np.int64)
    places = np.searchsorted(edges, times, side="right") - 1
    counts, others = (np.bincount(part, minlength=len(starts)).tolist() for part in (places, places[other]))
    con.executemany(
        "INSERT INTO repeated VALUES (?, ?, ?, ?, ?)",
        [[model, naive(at), n, m, naive(now)] for at, n, m in zip(starts, counts, others, strict=True) if n],
    )


def repeats(con: DuckDBPyConnection, model: str, windows: Sequence[Window]) -> dict[datetime, tuple[int, int]]:
    """Return how many rows came again in each window (aware starts) in which any did, and how many of these with another event time.

    ``windows`` are ascending and apart.
    """
    if not windows:
        return {}
    bucket, inside = bucket_sql(windows, "bucket")
    sql = f"SELECT {bucket} AS w, sum(rows)::BIGINT, sum(others)::BIGINT FROM repeated WHERE model = ? AND {inside} GROUP BY ALL"
    return {bucket_start(start): (rows, others) for start, rows, others in con.execute(sql, [model]).fetchall()}


def latest_times(con: DuckDBPyConnection, model: str, windows: Sequence[Window]) -> dict[datetime, datetime]:
    """Return the latest event time that was served in each window (aware starts) with rows.

    ``windows`` are ascending and apart, of a model that has a log.
    """
    if not windows:
        return {}
    bucket, inside = bucket_sql(windows, "_event_time")
    log = whole_log(con, model, Window(windows[0].start, windows[-1].end))
    sql = f"SELECT {bucket} AS w, max(_event_time) FROM {log} AS l WHERE _role = 'serving' AND {inside} GROUP BY ALL"
    return {bucket_start(start): aware(latest) for start, latest in con.execute(sql).fetchall()}
