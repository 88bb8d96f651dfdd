"""Moments of embeddings, kept beside the profiles: of each bucket, model version and role the mean and covariance of all its vectors.

Vectors of a bucket are summed up by their commonest length; others, and those with values that are no finite numbers, are counted.
Beyond :data:`~reference_data.vector_moments.MOST_DIMENSIONS` numbers a vector nothing but the counts is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reference_data.declaration import ModelSpec
from reference_data.vector_moments import MOST_DIMENSIONS, VectorMoments, merged
from reference_data.windows import Window
from storage.buckets import aware, bucket_sql, bucket_start, naive
from storage.model_tables import log_relation
from storage.names import EVENT_TIME, quote
from storage.row_samples import ROLE, VERSION

_NUMBERS = 2_000_000  # of vectors that are in memory at once: 16 MB
_NOTHING = "nothing summed"  # in place of a role: the bucket was looked at, and the log holds no vector of the column


class Lengths(NamedTuple):
    """The commonest length of a group's vectors, and how many have it and do not."""

    commonest: int
    n: int
    others: int


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """Fresh moments of one column in one bucket, version and role; ``moments`` is None of vectors that are too long."""

    column: str
    bucket: Window
    model_version: str
    role: str
    lengths: Lengths
    moments: VectorMoments | None


def embeddings(spec: ModelSpec) -> list[str]:
    """Return the names of a model's embedding columns."""
    return [column.name for column in spec.columns if column.type == "embedding"]


# -- summing up --------------------------------------------------------------------------------------------------------
def sums(
    cursor: duckdb.DuckDBPyConnection, relation: str, vector: str, group: Sequence[str], inside: str = "true"
) -> dict[tuple[Any, ...], tuple[Lengths, VectorMoments | None]]:
    """Return the moments of a column of vectors by the values of ``group`` (SQL expressions), read in blocks.

    ``vector`` is its SQL expression in ``relation``, of which the rows that meet ``inside`` are read. Missing vectors count nowhere.
    """
    keys = ", ".join(f"{sql} AS g{i}" for i, sql in enumerate(group))
    source = f"SELECT {keys}, TRY_CAST({vector} AS DOUBLE[]) AS x FROM ({relation}) AS r WHERE {inside}"
    names = ", ".join(f"g{i}" for i in range(len(group)))
    counted = cursor.execute(
        f"SELECT {names}, len(x) AS d, count(*) AS n FROM ({source}) AS s WHERE x IS NOT NULL GROUP BY ALL ORDER BY {names}, n DESC, d"
    ).fetchall()
    lengths: dict[tuple[Any, ...], Lengths] = {}
    for *key, d, n in counted:
        known = lengths.get(tuple(key))
        lengths[tuple(key)] = known._replace(others=known.others + n) if known else Lengths(d, n, 0)
    found: dict[tuple[Any, ...], VectorMoments] = {}
    longest = max((one.commonest for one in lengths.values() if one.commonest <= MOST_DIMENSIONS), default=0)
    if longest:
        fits = f"SELECT {names}, x FROM ({source}) AS s WHERE len(x) BETWEEN 1 AND {longest}"
        for batch in cursor.sql(fits).to_arrow_reader(max(256, _NUMBERS // longest)):
            _add(found, lengths, pa.table(batch), len(group))
    return {key: (one, _complete(found.get(key), one)) for key, one in lengths.items()}


def _add(
    found: dict[tuple[Any, ...], VectorMoments], lengths: Mapping[tuple[Any, ...], Lengths], rows: pa.Table, width: int
) -> None:
    """Add a block of rows to the moments of their groups."""
    vectors = rows.column(width).combine_chunks()
    sizes = pc.list_value_length(vectors).to_numpy(zero_copy_only=False)
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(zip(*(rows.column(i).to_pylist() for i in range(width)), strict=True)):
        if sizes[place] == lengths[key].commonest:
            places.setdefault(key, []).append(place)
    for key, at in places.items():
        one = VectorMoments.of_rows(_matrix(vectors.take(pa.array(at)), lengths[key].commonest))
        found[key] = found[key].plus(one) if key in found else one


def _matrix(vectors: pa.ListArray, dimensions: int) -> NDArray[np.float64]:
    flat = vectors.flatten().to_numpy(zero_copy_only=False)  # NULL within a vector comes as not a number
    return np.asarray(flat, dtype=np.float64).reshape(-1, dimensions)


def _complete(moments: VectorMoments | None, lengths: Lengths) -> VectorMoments | None:
    if moments is None:
        return None
    return VectorMoments(moments.n, moments.mean, moments.scatter, lengths.others, moments.broken)


def measure(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, buckets: Sequence[Window], columns: Iterable[str]
) -> list[Summed]:
    """Sum up the vectors of ``buckets`` (ascending) of a model's log, column by column."""
    if not buckets:
        return []
    log, expressions = log_relation(spec, Window(buckets[0].start, buckets[-1].end), cursor)
    bucket, inside = bucket_sql(buckets, EVENT_TIME)
    windows = {window.start: window for window in buckets}
    found = []
    for name in columns:
        held = sums(cursor, log, expressions[name], (bucket, VERSION, ROLE), inside)
        found += [
            Summed(name, windows[bucket_start(start)], version, role, lengths, moments)
            for (start, version, role), (lengths, moments) in held.items()
        ]
    return found


# -- storing -----------------------------------------------------------------------------------------------------------
def due(
    con: duckdb.DuckDBPyConnection, spec: ModelSpec, reference_version: int, buckets: Sequence[Window]
) -> list[tuple[Window, int]]:
    """Return those of ``buckets`` that hold rows and of which a column's moments are missing or older than the profile.

    Each comes with the number of the write that its profile has seen. Buckets whose rows were dropped keep what is known of them.
    """
    columns = embeddings(spec)
    if not buckets or not columns:
        return []
    rows = con.execute(
        "WITH held AS (SELECT DISTINCT bucket FROM profile WHERE model = $m AND reference_version = $r AND part = 'inputs' "
        "AND segment IS NULL AND n_rows > 0 AND bucket >= $a AND bucket < $b), "
        "seen AS (SELECT bucket, max(seq) AS written FROM profiled WHERE model = $m AND part = 'inputs' GROUP BY bucket), "
        'summed AS (SELECT bucket, "column", max(seq) AS summed FROM vector_moments WHERE model = $m GROUP BY ALL), '
        "gone AS (SELECT max(until) AS gone FROM archived WHERE model = $m AND action = 'drop') "
        "SELECT DISTINCT bucket, written FROM held JOIN seen USING (bucket) CROSS JOIN unnest($c::VARCHAR[]) AS c (name) "
        'LEFT JOIN summed ON summed.bucket = held.bucket AND summed."column" = c.name CROSS JOIN gone '
        "WHERE coalesce(summed < written, true) AND coalesce(held.bucket >= gone, true)",
        {
            "m": spec.name,
            "r": reference_version,
            "a": naive(buckets[0].start),
            "b": naive(buckets[-1].end),
            "c": columns,
        },
    ).fetchall()
    seqs = {aware(start): seq for start, seq in rows}
    return [(window, seqs[window.start]) for window in buckets if window.start in seqs]


def save(
    con: duckdb.DuckDBPyConnection, spec: ModelSpec, buckets: Sequence[tuple[Window, int]], summed: Sequence[Summed]
) -> None:
    """Replace the stored moments of ``buckets`` (each with the number of the write it has seen), inside a transaction.

    A column of which a bucket holds no vector is marked as seen, so that it is not read at every run.
    """
    starts, ends = ([naive(at) for at in side] for side in zip(*((w.start, w.end) for w, _ in buckets), strict=True))
    con.execute(  # buckets of another width too: they would count twice
        "DELETE FROM vector_moments AS v WHERE model = ? AND EXISTS (SELECT 1 FROM (SELECT unnest(?::TIMESTAMP[]) AS a, "
        "unnest(?::TIMESTAMP[]) AS b) AS fresh WHERE v.bucket < fresh.b AND v.bucket_end > fresh.a)",
        [spec.name, starts, ends],
    )
    by_key: dict[tuple[datetime, str], list[Summed]] = {}
    for one in summed:
        by_key.setdefault((one.bucket.start, one.column), []).append(one)
    for window, seq in buckets:
        for name in embeddings(spec):
            for key, values in _rows(by_key.get((window.start, name), [])):
                con.execute(
                    "INSERT INTO vector_moments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [spec.name, name, naive(window.start), naive(window.end), *key, *values[:-1], seq, values[-1]],
                )


def _rows(summed: Sequence[Summed]) -> list[tuple[tuple[str, str], tuple[int, int, int, int, bytes]]]:
    """Return version and role, then dimensions, n, others, broken and the moments of each row to store."""
    if not summed:
        return [(("", _NOTHING), (0, 0, 0, 0, b""))]
    return [
        (
            (one.model_version, one.role),
            (one.lengths.commonest, *_counts(one), b"" if one.moments is None else one.moments.to_bytes()),
        )
        for one in summed
    ]


def _counts(one: Summed) -> tuple[int, int, int]:
    if one.moments is None:
        return 0, one.lengths.n + one.lengths.others, 0
    return one.moments.n, one.moments.others, one.moments.broken


def load(
    con: duckdb.DuckDBPyConnection,
    model: str,
    column: str,
    within: Window,
    dimensions: int,
    *,
    versions: Iterable[str] | None,
    role: str = "serving",
) -> VectorMoments | None:
    """Return the moments of all vectors of one length in the buckets that begin within a stretch, None without any.

    Vectors of buckets in which another length is the commonest count among the others, all of them.
    """
    rows = con.execute(
        'SELECT model_version, dimensions, n, others, broken, moments FROM vector_moments WHERE model = ? AND "column" = ? '
        "AND role = ? AND bucket >= ? AND bucket < ? ORDER BY bucket, model_version",
        [model, column, role, naive(within.start), naive(within.end)],
    ).fetchall()
    wanted = None if versions is None else set(versions)
    found, others = [], 0
    for version, d, n, other, broken, data in rows:
        if wanted is not None and version not in wanted:
            continue
        if d == dimensions and data:
            found.append(VectorMoments.from_bytes(bytes(data), d, n, other, broken))
        else:
            others += n + other + broken
    whole = merged(found)
    if whole is None or not whole.n:
        return None
    return VectorMoments(whole.n, whole.mean, whole.scatter, whole.others + others, whole.broken)


# -- leaving -----------------------------------------------------------------------------------------------------------
def forget_rows(con: duckdb.DuckDBPyConnection, model: str, log: str, condition: str) -> int:
    """Delete the moments of every bucket with a row of ``log`` (SQL of a relation) that meets a condition; returns how many.

    They are summed up again from the rows that are left. Call it before those rows are deleted.
    """
    sql = (
        f"DELETE FROM vector_moments WHERE model = ? AND EXISTS (SELECT 1 FROM (SELECT {quote(EVENT_TIME)} AS at FROM {log} AS l "
        f"WHERE {condition}) AS gone WHERE gone.at >= vector_moments.bucket AND gone.at < vector_moments.bucket_end)"
    )
    return int(con.execute(sql, [model]).fetchall()[0][0])
