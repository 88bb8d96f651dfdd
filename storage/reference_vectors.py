"""Moments of a reference's embeddings, bucket by bucket, in a file beside its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc

from reference_data.vector_moments import MOST_DIMENSIONS, VectorMoments, packed_size
from reference_data.windows import Window
from storage.buckets import aware, bucket_sql, bucket_start, naive
from storage.names import EVENT_TIME
from storage.row_source import RowSource
from storage.vector_moments import sums

MOST_BYTES = 64_000_000  # of one column of a reference


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Moments of one column in one stretch of a reference (None: without times)."""

    stretch: Window | None
    moments: VectorMoments


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceVectors:
    """Of one column what is kept, or ``lacking``: in words why nothing is."""

    held: tuple[Held, ...]
    lacking: str = ""


def measure(rows: RowSource, column: str, buckets: Sequence[Window], windows: Sequence[Window]) -> ReferenceVectors:
    """Sum up a column of a reference by bucket, or by window where buckets would be too many; ``rows`` without times make one stretch.

    What counts is the commonest length of its vectors.
    """
    vector, of_length = rows.expressions[column], "len(TRY_CAST({} AS DOUBLE[]))"
    length = of_length.format(vector)
    counted = rows.cursor.execute(
        f"SELECT {length} AS d, count(*) AS n FROM ({rows.relation}) AS r WHERE {length} > 0 GROUP BY d ORDER BY n DESC, d LIMIT 1"
    ).fetchall()
    if not counted:
        return ReferenceVectors((), "there were no vectors when the reference was frozen")
    d = int(counted[0][0])
    if d > MOST_DIMENSIONS:
        return ReferenceVectors(
            (), f"vectors have {d:,} numbers, and means and covariances are kept up to {MOST_DIMENSIONS}"
        )
    most = MOST_BYTES // packed_size(d)
    stretches = buckets if len(buckets) <= most else windows
    if len(stretches) > most:
        return ReferenceVectors(
            (), f"the reference has {len(stretches):,} windows, and of {d} numbers {most:,} are kept"
        )
    if not rows.timed:
        return ReferenceVectors(
            tuple(Held(None, m) for _, m in sums(rows.cursor, rows.relation, vector, ("0",)).values() if m)
        )
    start, inside = bucket_sql(stretches, EVENT_TIME)
    found = sums(rows.cursor, rows.relation, vector, (start,), inside)
    at = {window.start: window for window in stretches}
    return ReferenceVectors(
        tuple(
            Held(at[bucket_start(key[0])], moments)
            for key, (_, moments) in sorted(found.items())
            if moments is not None and moments.dimensions == d and moments.n
        )
    )


def write(path: Path, columns: dict[str, ReferenceVectors]) -> None:
    """Write what is kept of each column."""
    rows = [(name, kept.lacking, held) for name, kept in columns.items() for held in (kept.held or (None,))]
    stretches = [None if held is None else held.stretch for _, _, held in rows]
    moments = [None if held is None else held.moments for _, _, held in rows]
    table = pa.table(
        {
            "column": pa.array([name for name, _, _ in rows], pa.string()),
            "lacking": pa.array([lacking for _, lacking, _ in rows], pa.string()),
            "bucket": pa.array([w and naive(w.start) for w in stretches], pa.timestamp("us")),
            "bucket_end": pa.array([w and naive(w.end) for w in stretches], pa.timestamp("us")),
            "dimensions": pa.array([m and m.dimensions for m in moments], pa.int32()),
            "n": pa.array([m and m.n for m in moments], pa.int64()),
            "others": pa.array([m and m.others for m in moments], pa.int64()),
            "broken": pa.array([m and m.broken for m in moments], pa.int64()),
            "moments": pa.array([m and m.to_bytes() for m in moments], pa.large_binary()),
        }
    )
    draft = path.with_suffix(".part-vectors")
    with pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    draft.chmod(0o600)
    draft.replace(path)


def read(path: Path, column: str) -> ReferenceVectors:
    """Return what a file of :func:`write` holds of one column."""
    if not path.exists():
        return ReferenceVectors(
            (), "the reference was frozen before means and covariances of all rows were kept; freeze a new one"
        )
    with pa.memory_map(str(path)) as source:
        rows = [row for row in pa.ipc.open_file(source).read_all().to_pylist() if row["column"] == column]
    if not rows:
        return ReferenceVectors((), f"the reference was frozen before {column} was declared; freeze a new one")
    held = tuple(
        Held(
            _window(row["bucket"], row["bucket_end"]),
            VectorMoments.from_bytes(row["moments"], row["dimensions"], row["n"], row["others"], row["broken"]),
        )
        for row in rows
        if row["moments"] is not None
    )
    return ReferenceVectors(held, rows[0]["lacking"])


def _window(start: datetime | None, end: datetime | None) -> Window | None:
    return None if start is None or end is None else Window(aware(start), aware(end))
