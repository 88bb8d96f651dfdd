"""Segments take every row exactly once, and coarser cells are the finer ones merged: whatever the rows."""

from __future__ import annotations

import string
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_data.coarse import Coarsening
from reference_data.schema import Column
from reference_data.segments import MOST_VALUES, Segments, segment_text
from storage.profiler import freeze_layout, profile_rows
from storage.segments import code_sql, freeze_segments

COLUMNS = [Column("a", "categorical"), Column("b", "categorical"), Column("x", "numeric"), Column("few", "numeric")]
EXPRESSIONS = {column.name: column.name for column in COLUMNS}
words = st.one_of(
    st.none(),
    st.sampled_from(["", "=", "×", "other", "missing", "a=b", 'q"', "\n"]),
    st.text(string.printable, max_size=3),
)
numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=32), st.integers(-5, 5).map(float))
rows = st.lists(
    st.tuples(words, words, numbers, st.one_of(st.none(), st.integers(0, 4).map(float))), min_size=1, max_size=60
)


def table(values: list[tuple[Any, ...]]) -> pa.Table:
    kinds = (pa.string(), pa.string(), pa.float64(), pa.float64())
    return pa.table({c.name: pa.array([v[i] for v in values], kinds[i]) for i, c in enumerate(COLUMNS)})


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(rows, rows)
def test_every_row_is_in_one_value_of_each_segment_and_coarse_cells_are_merged_fine_ones(
    reference: list[tuple[Any, ...]], current: list[tuple[Any, ...]]
) -> None:
    with duckdb.connect() as con:
        con.register("reference", table(reference))
        con.register("current", table(current))
        layout = freeze_layout(con, "SELECT * FROM reference", EXPRESSIONS, COLUMNS)
        _, whole = profile_rows(con, "SELECT * FROM reference", EXPRESSIONS, layout)
        declared = ["a", "b", "few", "x", "a × b", "a × few"]
        segments = freeze_segments(con, "SELECT * FROM reference", EXPRESSIONS, declared, whole, None)
        assert segments is not None
        segments = Segments.from_bytes(segments.to_bytes())
        assert len(segments.names) == len({*segments.names})
        coarse = segments.coarsening.fold(whole)
        own = segments.profile(layout)
        first = 0
        for space in segments.spaces:
            mine = own[first : first + len(space.members), 0]
            first += len(space.members)
            np.testing.assert_array_equal(mine.total().counts, coarse.counts[0])
        _, fine = profile_rows(con, "SELECT * FROM current", EXPRESSIONS, layout)
        _, direct = profile_rows(con, "SELECT * FROM current", EXPRESSIONS, segments.coarsening.layout(layout))
        np.testing.assert_array_equal(segments.coarsening.fold(fine).counts, direct.counts)
        for space in segments.spaces:
            code = code_sql(space, layout, EXPRESSIONS)
            keys, parts = profile_rows(con, "SELECT * FROM current", EXPRESSIONS, layout, group=[code])
            assert {key[0] for key in keys} <= {*space.members}
            np.testing.assert_array_equal(parts.total().counts, fine.counts[0])


def test_a_column_of_many_values_keeps_the_most_frequent_and_few_cells() -> None:
    rng = np.random.default_rng(1)
    values = [
        (f"v{int(i)}", "b", float(x), 0.0)
        for i, x in zip(rng.zipf(1.3, 4000) % 400, rng.normal(0, 1, 4000), strict=True)
    ]
    with duckdb.connect() as con:
        con.register("reference", table(values))
        layout = freeze_layout(con, "SELECT * FROM reference", EXPRESSIONS, COLUMNS)
        _, whole = profile_rows(con, "SELECT * FROM reference", EXPRESSIONS, layout)
        segments = freeze_segments(con, "SELECT * FROM reference", EXPRESSIONS, ["a", "x", "a × b"], whole, None)
    assert segments is not None
    by_name = {space.name: space for space in segments.spaces}
    assert len(by_name["a"].members) == MOST_VALUES + 2
    assert len(by_name["a × b"].members) == MOST_VALUES + 1
    assert [by_name["x"].value(code).split(" ")[0] for code in by_name["x"].codes] == [
        "up", by_name["x"].value(1).split(" ")[0], by_name["x"].value(2).split(" ")[0], "above", "other", "missing",
    ]  # fmt: skip
    quarters = segments.profile(layout).rows[:, 0][len(by_name["a"].members) :][:4] / 4000
    assert abs(quarters - 0.25).max() < 0.03
    coarse = segments.coarsening.layout(layout)
    assert coarse.entry("a").bins.size == 12
    assert 10 <= coarse.entry("x").bins.size <= 13
    assert coarse.entry("few").bins == layout.entry("few").bins
    assert Coarsening.from_list(segments.coarsening.to_list()) == segments.coarsening


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=30, unique=True))
def test_names_of_segments_are_never_the_same(parts: list[tuple[str, str]]) -> None:
    names = {segment_text(column, value) for column, value in parts}
    assert len(names) == len(parts)
    assert "carrier=other" not in {segment_text("carrier", value) for _, value in parts}
