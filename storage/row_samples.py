"""Samples of rows that merge: of each bucket, model version and role the rows whose ids hash lowest.

What is judged on rows as a whole (columns together, words of a text, embeddings) reads these instead of the log. A sample says up to
which hash it is complete, so that the sample of a union is the union of samples up to the lowest such hash: "bottom-k", Cohen and
Kaplan (2007), "Summarizing Data using Bottom-k Sketches". Merging is associative and commutative, in whatever order buckets come.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reference_data.declaration import ModelSpec
from reference_data.windows import Window, WindowSpec
from storage.buckets import aware, bucket_sql, bucket_start, naive
from storage.model_tables import log_relation
from storage.names import EVENT_TIME, quote
from storage.profiler import sample_hash
from storage.rows import registered

SAMPLE_ROWS = 1000  # of a window, about
_HOURLY = 300  # of a bucket that is a window by itself, and comes 24 times a day
_WIDE = 500  # of a bucket whose rows hold embeddings: each is hundreds of numbers
_SPARE = 1.5  # buckets of a window are not of one size, and the fullest of them decides how far the sample is complete
_TEXT = 2000  # characters of a text
_LAST = np.iinfo(np.uint64).max
_NOTHING = "nothing drawn"  # in place of a role: the bucket was looked at, and the log holds no row of it
_DIGITS = 16  # hexadecimal ones of a hash that are kept: 64 bits
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="zstd")

HASH = "hash"
VERSION, ROLE = "coalesce(_model_version, '')", "coalesce(_role, 'serving')"


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows in ascending order of their hash: all rows up to ``complete_to`` (included) of the ``n_rows`` there were.

    ``table``: hash (uint64), event time (naive UTC, NULL without), then the inputs by their declared names.
    """

    table: pa.Table
    complete_to: int
    n_rows: int

    @property
    def inputs(self) -> pa.Table:
        """The rows without hash and time."""
        return self.table.select(range(2, self.table.num_columns))

    @property
    def times(self) -> pa.ChunkedArray:
        """Event times, naive UTC."""
        return self.table.column(1)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A fresh sample of one bucket, version and role, not yet stored."""

    bucket: Window
    model_version: str
    role: str
    sample: Sample


def per_bucket(spec: ModelSpec, window: WindowSpec) -> int:
    """Return how many rows a bucket's sample has, so that a window's comes to about :data:`SAMPLE_ROWS`."""
    buckets = window.length * (7 if window.unit == "w" else 1)
    if buckets == 1:
        most = _HOURLY if window.unit == "h" else SAMPLE_ROWS
    else:
        most = math.ceil(_SPARE * SAMPLE_ROWS / buckets)
    wide = any(column.type == "embedding" for column in spec.columns)
    return min(most, _WIDE) if wide else most


# -- merging -----------------------------------------------------------------------------------------------------------
def bottom(sample: Sample, most: int) -> Sample:
    """Return the ``most`` rows of a sample with the lowest hashes."""
    if sample.table.num_rows <= most:
        return sample
    kept = sample.table.slice(0, most)
    return Sample(kept, int(kept.column(0)[most - 1].as_py()), sample.n_rows)


def merge(samples: Iterable[Sample], most: int | None = None) -> Sample | None:
    """Return the sample of all rows together, at most so many; None for no samples. Columns that one side lacks are NULL there."""
    found = list(samples)
    if not found:
        return None
    merged = reduce(_two, found)
    return merged if most is None else bottom(merged, most)


def _two(one: Sample, other: Sample) -> Sample:
    complete = min(one.complete_to, other.complete_to)
    names = one.table.column_names[:2]
    tables = [sample.table.rename_columns([*names, *sample.table.column_names[2:]]) for sample in (one, other)]
    both = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    order = pc.sort_indices(both, sort_keys=[(names[0], "ascending"), (names[1], "ascending")])
    both = both.take(order)
    within = int(pc.sum(pc.less_equal(both.column(0), pa.scalar(complete, pa.uint64()))).as_py() or 0)
    return Sample(both.slice(0, within), complete, one.n_rows + other.n_rows)


# -- drawing -----------------------------------------------------------------------------------------------------------
def draw(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, buckets: Sequence[Window], most: int, *, relation: str = ""
) -> list[Drawn]:
    """Draw the samples of ``buckets`` (ascending) from a model's log, or another ``relation`` of its columns.

    Texts are cut to 2,000 characters; embeddings are kept in single precision. Reads ids first, and then the rows that were drawn.
    """
    if not buckets:
        return []
    log, expressions = log_relation(spec, Window(buckets[0].start, buckets[-1].end), cursor)
    relation = relation or log
    bucket, inside = bucket_sql(buckets, EVENT_TIME)
    digits = f"left({sample_hash('_id')}, {_DIGITS})"
    lowest = cursor.sql(
        f"SELECT b, v, o, n, unnest(ids) AS id, unnest(hashes) AS h FROM (SELECT {bucket} AS b, {VERSION} AS v, {ROLE} AS o, count(*) AS n, "
        f"arg_min(_id, {digits}, {int(most)}) AS ids, min({digits}, {int(most)}) AS hashes FROM ({relation}) AS r "
        f"WHERE {inside} GROUP BY ALL) AS g"
    ).to_arrow_table()
    fields = [f"{_kept(column.type, expressions[column.name])} AS c{i}" for i, column in enumerate(spec.columns)]
    with registered(cursor, lowest, "lowest_hashes") as name:
        rows = cursor.sql(
            f"SELECT {', '.join(['l.b', 'l.v', 'l.o', 'l.n', 'l.h', 'r.e', *(f'r.c{i}' for i in range(len(fields)))])} FROM {name} AS l "
            f"JOIN (SELECT _id, {bucket} AS b, {VERSION} AS v, {ROLE} AS o, {EVENT_TIME} AS e{''.join(', ' + f for f in fields)} "
            f"FROM ({relation}) AS r WHERE ({inside}) AND _id IN (SELECT id FROM {name})) AS r "
            "ON r._id = l.id AND r.b = l.b AND r.v = l.v AND r.o = l.o"
        ).to_arrow_table()
    return _split(rows, {window.start: window for window in buckets}, [column.name for column in spec.columns], most)


def _kept(kind: str, expression: str) -> str:
    if kind == "embedding":
        return f"TRY_CAST({expression} AS FLOAT[])"
    return f"left({expression}, {_TEXT})" if kind == "text" else expression


def _split(rows: pa.Table, buckets: dict[datetime, Window], names: list[str], most: int) -> list[Drawn]:
    """Make one sample of each bucket, version and role."""
    hashes = pa.array([int(digits, 16) for digits in rows["h"].to_pylist()], pa.uint64())
    table = pa.table([hashes, rows["e"], *(rows[f"c{i}"] for i in range(len(names)))], names=[HASH, EVENT_TIME, *names])
    keys = list(zip(rows["b"].to_pylist(), rows["v"].to_pylist(), rows["o"].to_pylist(), strict=True))
    counts = rows["n"].to_pylist()
    places: dict[tuple[int, str, str], list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    found = []
    for (start, version, role), at in sorted(places.items()):
        own = table.take(pa.array(at))
        own = own.take(
            pc.sort_indices(own, sort_keys=[(HASH, "ascending"), (EVENT_TIME, "ascending")])
        ).combine_chunks()
        n = counts[at[0]]
        sample = bottom(Sample(own, _LAST if n <= most else int(own.column(0)[-1].as_py()), n), most)
        found.append(Drawn(buckets[bucket_start(start)], version, role, sample))
    return found


# -- storing -----------------------------------------------------------------------------------------------------------
def due(
    con: duckdb.DuckDBPyConnection, model: str, reference_version: int, buckets: Sequence[Window]
) -> list[tuple[Window, int]]:
    """Return those of ``buckets`` that hold rows and whose stored sample is missing or older than their profile, with its write's number."""
    if not buckets:
        return []
    rows = con.execute(
        "WITH held AS (SELECT DISTINCT bucket FROM profile WHERE model = $m AND reference_version = $r AND part = 'inputs' "
        "AND segment IS NULL AND n_rows > 0 AND bucket >= $a AND bucket < $b), "
        "seen AS (SELECT bucket, max(seq) AS written FROM profiled WHERE model = $m AND part = 'inputs' GROUP BY bucket), "
        "drawn AS (SELECT bucket, max(seq) AS sampled FROM row_sample WHERE model = $m GROUP BY bucket) "
        "SELECT bucket, written FROM held JOIN seen USING (bucket) LEFT JOIN drawn USING (bucket) "
        "WHERE coalesce(sampled < written, true)",
        {"m": model, "r": reference_version, "a": naive(buckets[0].start), "b": naive(buckets[-1].end)},
    ).fetchall()
    seqs = {aware(start): seq for start, seq in rows}
    return [(window, seqs[window.start]) for window in buckets if window.start in seqs]


def save(
    con: duckdb.DuckDBPyConnection, model: str, buckets: Sequence[tuple[Window, int]], drawn: Sequence[Drawn]
) -> None:
    """Replace the stored samples of ``buckets`` (each with the number of the write it has seen), inside a transaction.

    A bucket whose draw gave nothing is marked as seen, so that it is not drawn at every run.
    """
    seqs = {window.start: seq for window, seq in buckets}
    con.execute(
        "DELETE FROM row_sample WHERE model = ? AND bucket IN (SELECT unnest(?::TIMESTAMP[]))",
        [model, [naive(start) for start in seqs]],
    )
    found = {one.bucket.start for one in drawn}
    for window, seq in buckets:
        if window.start not in found:
            con.execute(
                "INSERT INTO row_sample (model, bucket, bucket_end, model_version, role, n_rows, seq, rows) VALUES (?, ?, ?, '', ?, 0, ?, '')",
                [model, naive(window.start), naive(window.end), _NOTHING, seq],
            )
    for one in drawn:
        con.execute(
            "INSERT INTO row_sample (model, bucket, bucket_end, model_version, role, n_rows, seq, rows) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                model, naive(one.bucket.start), naive(one.bucket.end), one.model_version, one.role, one.sample.n_rows,
                seqs[one.bucket.start], to_bytes(one.sample),
            ],
        )  # fmt: skip


def load(
    con: duckdb.DuckDBPyConnection, model: str, within: Window, *, versions: Iterable[str] | None, role: str = "serving"
) -> list[tuple[datetime, Sample]]:
    """Return the stored samples of the buckets that begin within a stretch, each with its bucket's start, in order of time."""
    rows = con.execute(
        "SELECT bucket, model_version, n_rows, rows FROM row_sample WHERE model = ? AND role = ? AND bucket >= ? AND bucket < ? "
        "ORDER BY bucket, model_version",
        [model, role, naive(within.start), naive(within.end)],
    ).fetchall()
    wanted = None if versions is None else set(versions)
    return [
        (aware(start), from_bytes(bytes(blob), n))
        for start, version, n, blob in rows
        if wanted is None or version in wanted
    ]


def to_bytes(sample: Sample) -> bytes:
    """Serialise a sample: an Arrow stream, compressed."""
    sink = pa.BufferOutputStream()
    table = sample.table.replace_schema_metadata({"complete_to": str(sample.complete_to)})
    with pa.ipc.new_stream(sink, table.schema, options=_COMPRESSED) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def from_bytes(data: bytes, n_rows: int) -> Sample:
    """Rebuild from :func:`to_bytes`."""
    table = pa.ipc.open_stream(data).read_all()
    complete = int((table.schema.metadata or {}).get(b"complete_to", str(_LAST).encode()))
    return Sample(table.replace_schema_metadata(None), complete, n_rows)


# -- leaving -----------------------------------------------------------------------------------------------------------
def forget_rows(con: duckdb.DuckDBPyConnection, model: str, log: str, condition: str) -> int:
    """Delete the samples of every bucket with a row of ``log`` (SQL of a relation) that meets a condition; returns how many.

    They are drawn again, from the rows that are left, when a window needs them. Call it before those rows are deleted.
    """
    sql = (
        f"DELETE FROM row_sample WHERE model = ? AND EXISTS (SELECT 1 FROM (SELECT {quote(EVENT_TIME)} AS at FROM {log} AS l "
        f"WHERE {condition}) AS gone WHERE gone.at >= row_sample.bucket AND gone.at < row_sample.bucket_end)"
    )
    return int(con.execute(sql, [model]).fetchall()[0][0])


def forget_before(con: duckdb.DuckDBPyConnection, model: str, cut: datetime) -> None:
    """Delete the samples of buckets that begin before a cut: their rows were dropped for good."""
    con.execute("DELETE FROM row_sample WHERE model = ? AND bucket < ?", [model, naive(cut)])


def readings_with_words(con: duckdb.DuckDBPyConnection, model: str) -> int:
    """Return how many readings of one column name what drives them: of texts, words that were found in them."""
    sql = "SELECT count(*) FROM reading WHERE model = ? AND scope = 'column' AND drivers IS NOT NULL"
    return int(con.execute(sql, [model]).fetchall()[0][0])
