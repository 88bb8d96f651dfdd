"""Segments in SQL: which value of a segment a row belongs to, and the profiles of a reference by segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import duckdb
import numpy as np

from reference_data.coarse import Coarsening
from reference_data.profile import Layout, Profile
from reference_data.segments import (
    MOST_NUMBERS,
    MOST_VALUES,
    Cut,
    Segments,
    Space,
    cut_column,
    pair_space,
    segment_columns,
    single_space,
)
from reference_data.windows import Window
from storage.buckets import bucket_sql, bucket_start
from storage.derived import Expressions, compile_value
from storage.names import EVENT_TIME, literal, number
from storage.profiler import profile_rows
from storage.row_source import RowSource

_FEWEST = 5  # values of a segment, however many buckets a reference has


def code_sql(space: Space, layout: Layout, expressions: Expressions) -> str:
    """Return the SQL of the code that a row has in a space, never NULL. ``layout``: of the inputs."""
    parts = [_cut_sql(cut, layout, expressions) for cut in space.cuts]
    if len(parts) == 1:
        return parts[0]
    code = f"(({parts[0]}) * {space.cuts[1].size} + ({parts[1]}))"
    listed = ", ".join(map(str, space.codes)) or "NULL"
    return f"CASE WHEN {code} IN ({listed}) THEN {code} ELSE -1 END"


def _cut_sql(cut: Cut, layout: Layout, expressions: Expressions) -> str:
    value = compile_value(layout.entry(cut.column), expressions)
    other, missing = len(cut.values), len(cut.values) + 1
    if not cut.edges:
        listed = f"[{', '.join(map(literal, cut.values))}]::VARCHAR[]"
        return f"CASE WHEN {value} IS NULL THEN {missing} ELSE {_place(listed, value, other)} END"
    no_value = f"WHEN {value} IS NULL OR isnan({value}) THEN {missing}"
    if cut.exact:
        listed = f"[{', '.join(map(number, cut.edges))}]::DOUBLE[]"
        return f"CASE {no_value} ELSE {_place(listed, value, other)} END"
    steps = " ".join(f"WHEN {value} <= {number(edge)} THEN {place}" for place, edge in enumerate(cut.edges))
    return f"CASE {no_value} {steps} ELSE {len(cut.edges)} END"


def _place(listed: str, value: str, other: int) -> str:
    return f"coalesce(nullif(list_position({listed}, {value}), 0), {other + 1}) - 1"


def count_rows(rows: RowSource) -> int:
    """Return how many rows there are."""
    return int(rows.cursor.execute(f"SELECT count(*) FROM ({rows.relation}) AS r").fetchall()[0][0])


def with_times(rows: RowSource) -> RowSource:
    """Return rows whose event time is one of their logical columns as rows with times; others as they are."""
    if EVENT_TIME not in rows.expressions:
        return rows
    timed = f"SELECT *, {rows.expressions[EVENT_TIME]} AS {EVENT_TIME} FROM ({rows.relation}) AS u"
    return replace(rows, relation=timed, timed=True)


def freeze_segments(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    expressions: Expressions,
    declared: Sequence[str],
    inputs: Profile,
    windows: Sequence[Window] | None,
    coarsening: Coarsening | None = None,
) -> Segments | None:
    """Profile the rows of a reference by declared segment and bucket; None when no segment can be cut.

    ``inputs``: the profile of all of its rows, shape (buckets,), which the cells are merged from (or as ``coarsening`` has
    it). ``windows``: the buckets; None for rows without times, which make a single one.
    """
    total = inputs.total()
    coarsening = coarsening or Coarsening.of(total)
    layout = coarsening.layout(inputs.layout)
    buckets = 1 if windows is None else len(windows)
    room = MOST_NUMBERS // max(buckets * layout.n_counts * max(len(declared), 1), 1)
    most = min(max(room, _FEWEST), MOST_VALUES)
    spaces = _spaces(cursor, relation, expressions, declared, total, most)
    if not spaces:
        return None
    parts = [_by_code(cursor, relation, expressions, space, total.layout, layout, windows) for space in spaces]
    profile = Profile(layout, np.concatenate([p.counts for p in parts]), np.concatenate([p.moments for p in parts]))
    return Segments.of(spaces, coarsening, profile)


def _spaces(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    expressions: Expressions,
    declared: Sequence[str],
    total: Profile,
    most: int,
) -> list[Space]:
    found: list[Space] = []
    for name in declared:
        try:
            columns = segment_columns(name, total.layout.names)
        except ValueError:  # a column that has no cells, or that came after this reference
            continue
        cuts = [cut_column(total, column, most) for column in columns]
        known = [cut for cut in cuts if cut is not None]
        if len(known) < len(cuts):
            continue
        if len(known) == 1:
            found.append(single_space(known[0]))
            continue
        whole = pair_space(name, known, range(known[0].size * known[1].size))
        code = code_sql(whole, total.layout, expressions)
        sql = f"SELECT {code} AS code FROM ({relation}) AS r GROUP BY code ORDER BY count(*) DESC, code LIMIT {most}"
        found.append(pair_space(name, known, sorted(row[0] for row in cursor.execute(sql).fetchall())))
    return found


def _by_code(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    expressions: Expressions,
    space: Space,
    fine: Layout,
    layout: Layout,
    windows: Sequence[Window] | None,
) -> Profile:
    """Return one profile for each code and bucket, shape (codes, buckets)."""
    bucket, inside = ("0::BIGINT", None) if windows is None else bucket_sql(windows, "_event_time")
    group = (code_sql(space, fine, expressions), bucket)
    keys, profile = profile_rows(cursor, relation, expressions, layout, group=group, where=inside)
    starts: list[datetime | None] = [None] if windows is None else [window.start for window in windows]
    places = {start: place for place, start in enumerate(starts)}
    rows = {code: place for place, code in enumerate(space.members)}
    found = layout.empty(len(rows), len(places))
    at = [(rows[code], places[None if windows is None else bucket_start(start)]) for code, start in keys]
    if at:
        one, two = np.array(at, dtype=np.intp).T
        found.counts[one, two], found.moments[one, two] = profile.counts, profile.moments
    return found
