"""Which bucket a row falls into, in SQL that needs no engine's idea of time zones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np

from reference_data.profile import Layout, Profile
from reference_data.windows import Window
from storage.derived import Expressions
from storage.profiler import profile_rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def naive(moment: datetime) -> datetime:
    """Return an aware time as naive UTC, as the tables hold it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def aware(moment: datetime) -> datetime:
    """Return a naive UTC time of a table as an aware one."""
    return moment.replace(tzinfo=UTC)


def moment_sql(moment: datetime) -> str:
    """Return an aware time as an SQL TIMESTAMP in UTC."""
    return f"TIMESTAMP '{naive(moment).isoformat(sep=' ')}'"


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _runs(windows: Sequence[Window]) -> list[tuple[Window, timedelta]]:
    """Join neighbours of one width: between two clock changes all days are alike."""
    runs: list[tuple[Window, timedelta]] = []
    for window in windows:
        width = window.end - window.start
        if runs and runs[-1][1] == width and runs[-1][0].end == window.start:
            runs[-1] = (Window(runs[-1][0].start, window.end), width)
        else:
            runs.append((window, width))
    return runs


def bucket_sql(windows: Sequence[Window], time: str) -> tuple[str, str]:
    """Return (SQL of a row's bucket, SQL condition that holds for the rows of these buckets).

    ``windows`` are buckets, ascending, gaps allowed; ``time`` is the SQL of a TIMESTAMP in UTC. The bucket comes as microseconds since
    1970 of its start; :func:`bucket_start` reads it. The arithmetic is exact over clock changes.
    """
    if not windows:
        return "NULL::BIGINT", "false"
    runs = _runs(windows)
    cases = []
    for run, width in runs:
        start, step = _microseconds(run.start), width // _MICROSECOND
        at = f"{start} + ((epoch_us({time}) - {start}) // {step}) * {step}"
        cases.append(f"WHEN {time} < {moment_sql(run.end)} THEN {at}")
    spans: list[Window] = []
    for run, _ in runs:
        if spans and spans[-1].end == run.start:
            spans[-1] = Window(spans[-1].start, run.end)
        else:
            spans.append(run)
    inside = " OR ".join(f"({time} >= {moment_sql(s.start)} AND {time} < {moment_sql(s.end)})" for s in spans)
    # the outer bounds alone let the engine pass over blocks of rows
    outer = f"{time} >= {moment_sql(spans[0].start)} AND {time} < {moment_sql(spans[-1].end)}"
    return f"CASE {' '.join(cases)} END", f"{outer} AND ({inside})"


def bucket_start(microseconds: int) -> datetime:
    """Return the start of a bucket, aware, from the number :func:`bucket_sql` gives."""
    return _EPOCH + timedelta(microseconds=microseconds)


def profile_buckets(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    expressions: Expressions,
    layout: Layout,
    windows: Sequence[Window],
    time: str,
    *,
    group: Sequence[str] = (),
    positive: str | None = None,
    where: str | None = None,
) -> tuple[list[tuple[Any, ...]], Profile]:
    """Profile a relation by bucket and by the ``group`` expressions; arguments as in :func:`bucket_sql` and ``profile_rows``.

    Returns keys (start of the bucket, aware; then the group's values) in order, and one profile for each.
    """
    bucket, inside = bucket_sql(windows, time)
    condition = f"({inside}) AND ({where})" if where else inside
    keys, profile = profile_rows(
        cursor, relation, expressions, layout, group=[bucket, *group], positive=positive, where=condition
    )
    return [(bucket_start(key[0]), *key[1:]) for key in keys], profile


def align(keys: Sequence[tuple[Any, ...]], profile: Profile, windows: Sequence[Window]) -> Profile:
    """Return one profile for each of ``windows``, empty where ``keys`` (as of ungrouped :func:`profile_buckets`) have none."""
    at = {window.start: index for index, window in enumerate(windows)}
    aligned = profile.layout.empty(len(windows))
    rows = np.array([at[key[0]] for key in keys], dtype=np.intp)
    aligned.counts[rows], aligned.moments[rows] = profile.counts, profile.moments
    return aligned
