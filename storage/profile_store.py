"""Profiles of buckets, kept beside the rows, and profiled again when their bucket gets dirty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from reference_data.declaration import ModelSpec
from reference_data.profile import Layout, Profile
from reference_data.reference import Reference
from reference_data.segments import Segments, Space, spaces_of
from reference_data.windows import Window, WindowSpec
from storage.buckets import aware, bucket_sql, bucket_start, naive
from storage.derived import Expressions
from storage.lists import expression_of
from storage.names import quote
from storage.profiler import profile_rows
from storage.segments import code_sql

#: ``segments``: the inputs once more, by segment and on coarser cells. A write that touches inputs touches these.
Part = Literal["inputs", "outcomes", "segments"]

_TIME, _VERSION, _ROLE = "_event_time", "coalesce(_model_version, '')", "coalesce(_role, 'serving')"
_MAX_RUNS = 64  # stretches of buckets that are named one by one; beyond, the gaps are profiled too and dropped


class BucketKey(NamedTuple):
    """Whose rows a stored profile sums up: those of one bucket, model version and role."""

    start: datetime
    end: datetime
    model_version: str
    role: str


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Fresh profiles of some buckets, not yet stored."""

    model: str
    reference_version: int
    part: Part
    buckets: tuple[Window, ...]
    seen: dict[datetime, int]  # latest write known before the rows were read
    keys: tuple[tuple[str | None, BucketKey], ...]  # segment and key of each profile
    profile: Profile
    narrow: Measured | None = None  # profiles by segment, where these are kept on fewer columns than the whole


# -- dirty buckets -----------------------------------------------------------------------------------------------------
def mark_dirty(
    con: duckdb.DuckDBPyConnection, model: str, parts: Iterable[Part], buckets: Iterable[datetime], seq: int
) -> None:
    """Record that write number ``seq`` (growing) touched these parts of the buckets that start at these (aware) times."""
    con.execute(
        "INSERT INTO dirty SELECT $model, part, bucket, $seq FROM unnest($parts::VARCHAR[]) AS p (part), "
        "unnest($starts::TIMESTAMP[]) AS b (bucket)",
        {"model": model, "parts": list(parts), "starts": [naive(bucket) for bucket in set(buckets)], "seq": seq},
    )


def dirty_buckets(
    con: duckdb.DuckDBPyConnection, model: str, part: Part, before: datetime | None = None
) -> list[datetime]:
    """Return the starts of the dirty buckets in order, only those that begin before ``before`` if it is given."""
    sql = "SELECT DISTINCT bucket FROM dirty WHERE model = ? AND part = ? AND bucket < coalesce(?, 'infinity'::TIMESTAMP) ORDER BY 1"
    rows = con.execute(sql, [model, part, None if before is None else naive(before)]).fetchall()
    return [aware(row[0]) for row in rows]


def missing_buckets(
    con: duckdb.DuckDBPyConnection, model: str, reference_version: int, part: Part, buckets: Iterable[datetime]
) -> list[datetime]:
    """Return those of ``buckets`` that were never profiled for this reference version, in order."""
    sql = "SELECT bucket FROM profiled WHERE model = ? AND reference_version = ? AND part = ?"
    done = {aware(row[0]) for row in con.execute(sql, [model, reference_version, part]).fetchall()}
    return sorted(set(buckets) - done)


# -- measuring and saving ----------------------------------------------------------------------------------------------
def refresh(
    con: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    reference: Reference,
    relation: str,
    expressions: Expressions,
    buckets: Iterable[datetime],
    part: Part,
    now: datetime,
    positive: str | None = None,
) -> int:
    """Profile buckets and store the result: :func:`measure`, then :func:`save`, on one connection inside a transaction.

    Returns the number of profiles stored. To keep the writer free meanwhile, measure with a reader and hand :func:`save` to the writer.
    """
    return save(con, measure(con, spec, reference, relation, expressions, buckets, part, positive), now)


def measure(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    reference: Reference,
    relation: str,
    expressions: Expressions,
    buckets: Iterable[datetime],
    part: Part,
    positive: str | None = None,
    segments: Segments | None = None,
) -> Measured:
    """Profile the rows of ``buckets`` (aware starts) by model version and role; of outcomes, each segment's too.

    ``segments``: as frozen, where that is not simply in the reference; part ``segments`` is all of these, whatever is declared.
    ``relation`` is a sub-select of the log with ``_event_time``, ``_model_version`` and ``_role`` (for outcomes joined with its labels);
    ``expressions`` name the inputs and outcomes in it. Raises :class:`ValueError` for outcomes of a reference without labels.
    """
    frozen = segments or reference.segments
    layout = _layout(reference, part, frozen)
    every = WindowSpec.parse(spec.monitor.window, spec.timezone).bucket
    wanted = tuple(sorted({every.containing(bucket) for bucket in buckets}))
    seen = _seen(cursor, spec.name, reference.version, part)
    seen = {window.start: seen.get(window.start, 0) for window in wanted}  # before any row is read
    bucket, inside = bucket_sql(_covering(wanted, every), _TIME)
    ends = {window.start: window.end for window in wanted}
    source = _Rows(relation, expressions, (bucket, _VERSION, _ROLE), inside)
    found: list[_Found] = []
    if part == "inputs":
        found.append((None, *source.profile(cursor, layout, positive)))
    elif part == "segments":
        for space in () if frozen is None else frozen.spaces:
            code = code_sql(space, reference.inputs.layout, expressions)
            found.append((space, *replace(source, group=(*source.group, code)).profile(cursor, layout, None)))
    elif wanted:
        spaces = spaces_of(spec.segments, reference.inputs.total(), frozen)
        codes = [(space, code_sql(space, reference.inputs.layout, expressions)) for space in spaces]
        found = _outcomes(cursor, source, layout, positive, codes)

    def gathered(own: Layout, parts: Sequence[_Found], narrow: Measured | None = None) -> Measured:
        keys, stacked = _gather(own, parts, ends)
        return Measured(spec.name, reference.version, part, wanted, seen, keys, stacked, narrow)

    if layout.narrow() is layout:
        return gathered(layout, found)
    by_segment = gathered(layout.narrow(), [one for one in found if one[0] is not None])
    return gathered(layout, [one for one in found if one[0] is None], by_segment)


_Found = tuple[Space | None, list[tuple[Any, ...]], Profile]


def _gather(
    layout: Layout, found: Sequence[_Found], ends: Mapping[datetime, datetime]
) -> tuple[tuple[tuple[str | None, BucketKey], ...], Profile]:
    """Return the profiles of the wanted buckets, which are the keys of ``ends``, with segment and key of each."""
    keys: list[tuple[str | None, BucketKey]] = []
    counts, moments = [np.zeros((0, layout.n_counts), np.int64)], [np.zeros((0, layout.n_moments))]
    for member, groups, profile in found:
        starts = [bucket_start(group[0]) for group in groups]
        kept = [index for index, start in enumerate(starts) if start in ends]
        for index in kept:
            _, version, role, *value = groups[index]
            segment = None if member is None else member.text(value[0])
            keys.append((segment, BucketKey(starts[index], ends[starts[index]], version, role)))
        counts.append(profile.counts[kept])
        moments.append(profile.moments[kept])
    return tuple(keys), Profile(layout, np.concatenate(counts), np.concatenate(moments))


def save(con: duckdb.DuckDBPyConnection, measured: Measured, now: datetime, *, clear: bool = True) -> int:
    """Replace the stored profiles of the measured buckets and ``clear`` the dirty marks that were seen; returns profiles stored.

    A mark stands for all references: clear it only together with saving every one that stores the bucket.
    Call it inside a transaction. A bucket that a later measurement has stored meanwhile is left as it is.
    """
    identity = (measured.model, measured.reference_version, measured.part)
    stored = _stored(con, *identity)
    fresh = [w for w in measured.buckets if stored.get(w.start, -1) <= measured.seen[w.start]]
    if not fresh:
        return 0
    starts = [naive(window.start) for window in fresh]
    seqs = [measured.seen[window.start] for window in fresh]
    for table in ("profile", "profiled"):
        con.execute(
            f"DELETE FROM {table} WHERE model = ? AND reference_version = ? AND part = ? "
            "AND bucket IN (SELECT unnest(?::TIMESTAMP[]))",
            [*identity, starts],
        )
    con.execute(
        "INSERT INTO profiled SELECT ?, ?, ?, unnest(?::TIMESTAMP[]), unnest(?::BIGINT[]), ?",
        [*identity, starts, seqs, naive(now)],
    )
    if clear:
        _clear(con, measured, starts, seqs)
    begins = {window.start for window in fresh}
    parts = (measured,) if measured.narrow is None else (measured, measured.narrow)
    return sum(
        _insert(con, one, [i for i, (_, key) in enumerate(one.keys) if key.start in begins], now) for one in parts
    )


def forget(con: duckdb.DuckDBPyConnection, model: str, reference_version: int, part: Part) -> None:
    """Forget that buckets were profiled, so that all of them are due again."""
    con.execute(
        "DELETE FROM profiled WHERE model = ? AND reference_version = ? AND part = ?", [model, reference_version, part]
    )


def _clear(con: duckdb.DuckDBPyConnection, measured: Measured, starts: list[datetime], seqs: list[int]) -> None:
    con.execute(
        "DELETE FROM dirty WHERE model = ? AND part = ? AND EXISTS (SELECT 1 FROM "
        "(SELECT unnest(?::TIMESTAMP[]) AS bucket, unnest(?::BIGINT[]) AS seq) s WHERE s.bucket = dirty.bucket AND dirty.seq <= s.seq)",
        [measured.model, measured.part, starts, seqs],
    )


# -- reading -----------------------------------------------------------------------------------------------------------
def load(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    model: str,
    reference_version: int,
    part: Part,
    since: datetime,
    until: datetime,
    *,
    segment: str | None = None,
) -> tuple[list[BucketKey], Profile]:
    """Return the stored profiles of the buckets that begin in [since, until), ordered by bucket, version and role.

    ``segment`` is ``column=value`` (see :func:`segment_text`), None for all rows. The profile has one leading axis over the keys; a
    segment's is on :meth:`~reference_data.profile.Layout.narrow` of ``layout``.
    Raises :class:`ValueError` if what is stored does not fit ``layout``.
    """
    table = con.sql(
        "SELECT bucket, bucket_end, model_version, role, counts, moments FROM profile "
        "WHERE model = $m AND reference_version = $r AND part = $p AND segment IS NOT DISTINCT FROM $s::VARCHAR "
        "AND bucket >= $a AND bucket < $b",
        params={"m": model, "r": reference_version, "p": part, "s": segment, "a": naive(since), "b": naive(until)},
    ).to_arrow_table()
    layout = layout if segment is None else layout.narrow()
    columns = [table[name].to_pylist() for name in ("bucket", "bucket_end", "model_version", "role")]
    keys = [BucketKey(aware(a), aware(b), version, role) for a, b, version, role in zip(*columns, strict=True)]
    counts = _matrix(table["counts"], len(keys), layout.n_counts, np.int64)
    moments = _matrix(table["moments"], len(keys), layout.n_moments, np.float64)
    order = sorted(range(len(keys)), key=lambda i: (keys[i].start, keys[i].model_version, keys[i].role))
    found = Profile(layout, counts, moments)
    if order == list(range(len(keys))):  # as they were written; sorted by the engine, long lists would be moved as well
        return keys, found
    return [keys[i] for i in order], found[np.asarray(order)]


class SegmentKey(NamedTuple):
    """Whose rows a segment's stored profile sums up."""

    segment: str
    start: datetime
    model_version: str


def load_segments(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    model: str,
    reference_version: int,
    since: datetime,
    until: datetime,
    *,
    role: str,
    part: Part = "outcomes",
) -> tuple[list[SegmentKey], Profile]:
    """Return the stored profiles of every segment in the buckets that begin in [since, until), ordered by segment, bucket and version.

    Of what answered in ``role``, on the narrow ``layout``: of the outcomes, or for part ``segments`` the coarser one of the inputs. Raises as
    :func:`load`.
    """
    table = con.sql(
        "SELECT segment, bucket, model_version, counts, moments FROM profile WHERE model = $m AND reference_version = $r AND part = $p "
        "AND segment IS NOT NULL AND role = $o AND bucket >= $a AND bucket < $b ORDER BY segment, bucket, model_version",
        params={"m": model, "r": reference_version, "p": part, "o": role, "a": naive(since), "b": naive(until)},
    ).to_arrow_table()
    layout = layout.narrow()
    columns = [table[name].to_pylist() for name in ("segment", "bucket", "model_version")]
    keys = [SegmentKey(name, aware(start), version) for name, start, version in zip(*columns, strict=True)]
    counts = _matrix(table["counts"], len(keys), layout.n_counts, np.int64)
    moments = _matrix(table["moments"], len(keys), layout.n_moments, np.float64)
    return keys, Profile(layout, counts, moments)


def segments(con: duckdb.DuckDBPyConnection, model: str, reference_version: int) -> list[str]:
    """Return the segments that profiles are stored for, in order."""
    sql = "SELECT DISTINCT segment FROM profile WHERE model = ? AND reference_version = ? AND segment IS NOT NULL ORDER BY 1"
    return [row[0] for row in con.execute(sql, [model, reference_version]).fetchall()]


# -- helpers -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Rows:
    """Where rows come from, and their group: bucket, model version, role."""

    relation: str
    expressions: Expressions
    group: tuple[str, ...]
    where: str | None

    def profile(
        self, cursor: duckdb.DuckDBPyConnection, layout: Layout, positive: str | None
    ) -> tuple[list[tuple[Any, ...]], Profile]:
        return profile_rows(
            cursor, self.relation, self.expressions, layout, group=self.group, positive=positive, where=self.where
        )


def _layout(reference: Reference, part: Part, frozen: Segments | None) -> Layout:
    if part == "segments":
        inputs = reference.inputs.layout
        return inputs if frozen is None else frozen.coarsening.layout(inputs)
    profile = reference.inputs if part == "inputs" else reference.outcomes
    if profile is None:
        raise ValueError(
            f"reference {reference.version} of model {reference.model!r} has no labels, so it has no outcomes to hold "
            "against; freeze a reference from labelled rows"
        )
    return profile.layout


def _covering(wanted: tuple[Window, ...], every: WindowSpec) -> Sequence[Window]:
    gaps = sum(one.end != two.start for one, two in pairwise(wanted))
    return wanted if gaps < _MAX_RUNS else list(every.between(wanted[0].start, wanted[-1].end))


def _stored(con: duckdb.DuckDBPyConnection, model: str, version: int, part: Part) -> dict[datetime, int]:
    sql = "SELECT bucket, seq FROM profiled WHERE model = ? AND reference_version = ? AND part = ?"
    return {aware(bucket): seq for bucket, seq in con.execute(sql, [model, version, part]).fetchall()}


def _seen(con: duckdb.DuckDBPyConnection, model: str, version: int, part: Part) -> dict[datetime, int]:
    sql = "SELECT bucket, max(seq) FROM dirty WHERE model = ? AND part = ? GROUP BY bucket"
    written = "inputs" if part == "segments" else part
    marks = {aware(bucket): seq for bucket, seq in con.execute(sql, [model, written]).fetchall()}
    stored = _stored(con, model, version, part)
    return {bucket: max(marks.get(bucket, 0), stored.get(bucket, 0)) for bucket in marks.keys() | stored.keys()}


def _outcomes(
    cursor: duckdb.DuckDBPyConnection,
    source: _Rows,
    layout: Layout,
    positive: str | None,
    segments: Sequence[tuple[Space, str]],
) -> list[_Found]:
    """Profile all rows, and by each segment's code (on the narrow layout), on one reading of the join of log and labels."""
    lists = [expression_of(e.column.name, e.column.unit) for e in layout.columns if e.derive == "list"]
    kept = [name for name in ("prediction", "label", "score", "scores", *lists) if name in source.expressions]
    fields = [f"{sql} AS g{i}" for i, sql in enumerate(source.group)]
    fields += [f"{source.expressions[name]} AS e{i}" for i, name in enumerate(kept)]
    fields += [f"{sql} AS s{i}" for i, (_, sql) in enumerate(segments)]
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE outcome_rows AS SELECT {', '.join(fields)} FROM ({source.relation}) AS r WHERE {source.where}"
    )
    whole = "SELECT *, -1 AS part, 0 AS segment FROM outcome_rows"
    parts = [f"SELECT *, {i} AS part, s{i} AS segment FROM outcome_rows" for i in range(len(segments))]
    expressions = {name: quote(f"e{i}") for i, name in enumerate(kept)}
    group = (*(f"g{i}" for i in range(len(source.group))), "part", "segment")
    narrow = layout.narrow()
    passes = [([whole, *parts], layout)] if narrow is layout else [([whole], layout), (parts, narrow)]
    found: list[_Found] = []
    for relations, own in passes:
        if relations:
            rows = _Rows(" UNION ALL ".join(relations), expressions, group, None)
            found += _by_part(*rows.profile(cursor, own, positive), [None, *(space for space, _ in segments)])
    cursor.execute("DROP TABLE temp.outcome_rows")
    return found


def _by_part(keys: list[tuple[Any, ...]], profile: Profile, spaces: Sequence[Space | None]) -> list[_Found]:
    """Return the profiles of each part that there are rows of; part -1 is all rows."""
    found: list[_Found] = []
    for part, space in enumerate(spaces, start=-1):
        rows = [index for index, key in enumerate(keys) if key[-2] == part]
        own = [(*keys[index][:-2], keys[index][-1]) for index in rows]
        if rows:
            found.append((space, own, profile[np.array(rows, dtype=np.intp)]))
    return found


def _insert(con: duckdb.DuckDBPyConnection, measured: Measured, rows: list[int], now: datetime) -> int:
    keys = [measured.keys[index] for index in rows]
    profile = measured.profile[rows]
    table = pa.table(
        {
            "model_version": pa.array([key.model_version for _, key in keys], pa.string()),
            "role": pa.array([key.role for _, key in keys], pa.string()),
            "segment": pa.array([segment for segment, _ in keys], pa.string()),
            "bucket": pa.array([naive(key.start) for _, key in keys], pa.timestamp("us")),
            "bucket_end": pa.array([naive(key.end) for _, key in keys], pa.timestamp("us")),
            "n_rows": pa.array(profile.rows, pa.int64()),
            "counts": _lists(profile.counts, pa.uint32()),
            "moments": _lists(profile.moments, pa.float64()),
        }
    )
    con.register("fresh_profiles", table)
    con.execute(
        "INSERT INTO profile SELECT ?, ?, model_version, role, segment, ?, bucket, bucket_end, n_rows, counts, moments, ? "
        "FROM fresh_profiles",
        [measured.model, measured.reference_version, measured.part, naive(now)],
    )
    con.unregister("fresh_profiles")
    return len(rows)


def _lists(matrix: np.ndarray[Any, Any], kind: pa.DataType) -> pa.ListArray:
    rows, width = matrix.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(width))
    return pa.ListArray.from_arrays(offsets, pa.array(matrix.reshape(-1), kind))


def _matrix(lists: pa.ChunkedArray, rows: int, width: int, kind: type[np.generic]) -> np.ndarray[Any, Any]:
    flat = [_numbers(chunk.flatten()) for chunk in lists.chunks]
    values = np.concatenate(flat) if flat else np.zeros(0)
    if values.size != rows * width:
        raise ValueError(
            f"stored profiles hold {values.size} numbers where {rows} of {width} were expected: they belong to another "
            "reference version; profile the buckets again"
        )
    return values.astype(kind).reshape(rows, width)


def _numbers(flat: pa.Array) -> np.ndarray[Any, Any]:
    """Return an array's numbers as they lie in memory: Arrow's own way imports pandas, which takes longer than to judge a window."""
    if flat.null_count or not len(flat):
        return np.asarray(flat.to_numpy(zero_copy_only=False))
    kind = np.dtype(flat.type.to_pandas_dtype())
    return np.frombuffer(flat.buffers()[1], kind, len(flat), flat.offset * kind.itemsize)
