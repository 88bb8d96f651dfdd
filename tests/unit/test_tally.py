"""Counting on a grid is exact: every cell as by one comparison after another, on friendly numbers and on hostile ones."""

import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_data.bins import Bins
from reference_data.profile import BinnedColumn, Layout, merge, stack
from reference_data.schema import Column
from storage import column_profile, profiler
from storage.column_profile import (
    ColumnRows,
    Groups,
    count_text,
    count_values,
    freeze_rows,
    profile_column,
    profile_counted,
    profile_nominal,
)
from storage.column_values import Held, parquet_columns
from storage.names import quote
from storage.profiler import freeze_layout, profile_rows
from storage.tally import ONE, Grid, runs, tally

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def _counted(edges: list[float], values: np.ndarray) -> list[int]:
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1).tolist()


@given(st.lists(FINITE, max_size=40, unique=True), st.lists(FINITE, max_size=60))
def test_any_values_fall_where_comparing_them_puts_them(edges: list[float], values: list[float]) -> None:
    ascending = sorted({edge + 0.0 for edge in edges})
    below = [math.nextafter(edge, -math.inf) for edge in ascending]
    held = np.array([value for value in (*values, *ascending, *below) if math.isfinite(value)])
    grid = Grid(ascending)
    assert grid.count(held).tolist() == _counted(ascending, held)
    assert grid.cells(held).tolist() == np.searchsorted(ascending, held).tolist()


@pytest.mark.parametrize(
    "edges",
    [
        [0.0, 5e-324, 1e-323],
        [-1.7e308, 0.0, 1.7e308],
        [-1e300, -1.0, -1e-300, 0.0, 1e-300, 1.0, 1e300],
        list(np.geomspace(1e-9, 1e9, 80)),
        [1.0, math.nextafter(1.0, 2), 1e9],
        [7.0],
        [],
    ],
    ids=["denormal", "huge", "all orders", "geometric", "neighbours", "one", "none"],
)
def test_edges_of_any_kind_are_kept_apart(edges: list[float]) -> None:
    draw = np.random.default_rng(0)
    values = np.concatenate(
        [
            draw.normal(size=500),
            np.geomspace(5e-324, 1.7e308, 500),
            -np.geomspace(5e-324, 1.7e308, 500),
            edges,
            [-0.0, 0.0],
        ]
    )
    assert Grid(edges).count(values).tolist() == _counted(edges, values)


def test_groups_in_any_order_are_the_sums_of_their_rows() -> None:
    draw = np.random.default_rng(1)
    values = draw.normal(size=3000)
    values[::7], values[::11] = math.nan, math.inf
    null = np.zeros(3000, dtype=bool)
    null[::21] = True
    grid = Grid([-1.0, 0.0, 1.0])
    for codes in (draw.integers(0, 5, 3000), np.sort(draw.integers(0, 5, 3000)), np.full(3000, 3)):
        counts, moments = tally(values, null, grid, runs(codes.astype(np.intp), 6))
        for group in range(6):
            rows = codes == group
            alone, four = tally(values[rows], null[rows], grid, ONE)
            assert counts[group].tolist() == alone[0].tolist()
            assert moments[group] == pytest.approx(four[0], rel=1e-12)


def test_moments_near_a_large_mean_keep_their_digits() -> None:
    values = 1e9 + np.random.default_rng(2).normal(size=200_000)
    column = Held(pa.chunked_array([pa.array(values)]))
    entry = freeze_rows(Column("x", "numeric"), ColumnRows(column))
    part = profile_column(entry, ColumnRows(column)).column("x")
    assert part.mean == pytest.approx(values.mean(), rel=1e-15)
    assert part.std == pytest.approx(values.std(ddof=1), rel=1e-9)


# -- one column at a time is what SQL makes of all ----------------------------------------------------------------------
def _table(rows: int = 4000) -> pa.Table:
    draw = np.random.default_rng(3)
    number = draw.normal(size=rows)
    number[:40] = math.nan
    number[40:50] = -math.inf
    return pa.table(
        {
            "number": pa.array(number, mask=draw.random(rows) < 0.1),
            "whole": pa.array(draw.poisson(3, rows)),
            "wide": pa.array(draw.integers(-(2**62), 2**62, rows)),
            "when": pa.array(draw.integers(0, 10**15, rows), pa.timestamp("us")),
            "kind": pa.array([f"k{v}" for v in draw.zipf(1.6, rows) % 90], mask=draw.random(rows) < 0.05),
            "flag": pa.array(draw.random(rows) < 0.3),
            "words": pa.array(["x" * int(v) for v in draw.integers(0, 60, rows)]),
        }
    )


TYPES = {"kind": "categorical", "flag": "boolean", "words": "text", "when": "datetime"}


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "Parquet"])
def test_it_is_the_profile_that_the_database_makes(tmp_path, stored: bool) -> None:
    import pyarrow.parquet as pq

    table = _table()
    groups = np.arange(len(table)) % 3 - 1
    if stored:
        pq.write_table(table, tmp_path / "t.parquet", row_group_size=1500)
        found = parquet_columns(tmp_path / "t.parquet")
        assert found is not None
        columns = {name: found.column(name) for name in table.column_names}
    else:
        columns = {name: Held(table.column(name)) for name in table.column_names}
    with duckdb.connect() as con:
        con.register("t", table.append_column("g", pa.array(groups)))
        for name, values in columns.items():
            column = Column(name, TYPES.get(name, "numeric"))  # type: ignore[arg-type]
            layout = freeze_layout(con, "SELECT * FROM t", {name: quote(name)}, [column])
            _, expected = profile_rows(con, "SELECT * FROM t", {name: quote(name)}, layout)
            _, grouped = profile_rows(con, "SELECT * FROM t", {name: quote(name)}, layout, group=["g"], where="g >= 0")
            entry, by = layout.columns[0], Groups(groups, 2)
            if entry.ordered:
                assert freeze_rows(column, ColumnRows(values)).bins == entry.bins
                whole, parts = profile_column(entry, ColumnRows(values)), profile_column(entry, ColumnRows(values), by)
            else:
                counted = count_values(values)
                assert name == "flag" or counted.bins() == entry.bins
                whole, parts = profile_counted(entry, counted), profile_nominal(entry, values, by)
            assert whole.counts.tolist() == expected.counts[0].tolist()
            assert whole.moments == pytest.approx(expected.moments[0], rel=1e-12)
            assert parts.counts.tolist() == grouped.counts.tolist()
            assert parts.moments == pytest.approx(grouped.moments, rel=1e-12)


def test_many_values_in_many_pieces_are_counted_once_each() -> None:
    names = pa.array([f"id {i % 70_000}" for i in range(200_000)])
    column = Held(pa.chunked_array([names.slice(start, 9_000) for start in range(0, 200_000, 9_000)]))
    counted = count_values(column)
    assert len(counted.values) == 70_000
    assert sorted(set(counted.counts.tolist())) == [2, 3]
    assert counted.once == 0
    bins = counted.bins()
    assert bins.categories[:2] == ("id 0", "id 1")
    assert not bins.known_complete


def test_a_sampled_column_keeps_its_extremes_and_few_values_are_all_found() -> None:
    draw = np.random.default_rng(4)
    values = draw.normal(size=100_000)
    values[70_001], values[70_002] = 1e6, -1e6
    bins = freeze_rows(Column("x", "numeric"), ColumnRows(Held(pa.chunked_array([pa.array(values)])))).bins
    assert bins.edges[-1] == 1e6
    assert bins.edges[0] == np.nextafter(-1e6, -np.inf)
    few = np.zeros(100_000)
    few[77_777] = 5.0
    found = freeze_rows(Column("x", "numeric"), ColumnRows(Held(pa.chunked_array([pa.array(few)])))).bins
    assert found.discrete
    assert found.edges[1:] == (0.0, 5.0)


def test_a_column_too_long_to_be_held_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = Held(_table()["number"])
    column = Column("number", "numeric")
    entry = freeze_rows(column, ColumnRows(values))
    expected = profile_column(entry, ColumnRows(values))
    monkeypatch.setattr(column_profile, "_KEPT", 100)
    assert freeze_rows(column, ColumnRows(values)) == entry
    again = profile_column(entry, ColumnRows(values))
    assert again.counts.tolist() == expected.counts.tolist()
    assert again.moments.tolist() == expected.moments.tolist()


def test_a_long_column_of_nearly_distinct_text_is_told_by_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_profile, "_HEAD", 1_000)
    ids = Held(pa.chunked_array([pa.array([f"id {start + i}" for i in range(500)]) for start in range(0, 5_000, 500)]))
    assert count_text(ids) is None
    cities = Held(pa.chunked_array([pa.array([f"city {i % 40}" for i in range(5_000)])]))
    found = count_text(cities)
    assert found is not None
    assert found.kind() == "categorical"


def test_a_profile_inside_a_transaction_leaves_it_open() -> None:
    layout = Layout((BinnedColumn(Column("x", "numeric"), Bins("ordered", edges=(0.0,))),))
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT 1.0 AS x")
        con.begin()
        con.execute("INSERT INTO t VALUES (-1.0)")
        _, inside = profile_rows(con, "SELECT * FROM t", {"x": "x"}, layout)
        con.rollback()
        _, after = profile_rows(con, "SELECT * FROM t", {"x": "x"}, layout)
    assert inside.column("x").cells.tolist() == [[1, 1]]
    assert after.column("x").cells.tolist() == [[0, 1]]
    assert merge([inside[0], after[0]]).rows == stack([inside[0], after[0]]).rows.sum()


def test_columns_beyond_one_pass_are_profiled_as_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    bins = Bins("ordered", edges=(0.0, 1.0))
    layout = Layout(tuple(BinnedColumn(Column(f"x{i}", "numeric"), bins) for i in range(5)))
    relation = (
        "SELECT i % 3 AS g, " + ", ".join(f"sin(i * {n + 1}) * {n} AS x{n}" for n in range(5)) + " FROM range(90) t(i)"
    )
    fields = {f"x{i}": f"x{i}" for i in range(5)}
    with duckdb.connect() as con:
        keys, expected = profile_rows(con, relation, fields, layout, group=["g"])
        monkeypatch.setattr(profiler, "_WIDE", 2)
        again, found = profile_rows(con, relation, fields, layout, group=["g"])
    assert keys == again == [(0,), (1,), (2,)]
    assert found.counts.tolist() == expected.counts.tolist()
    assert found.moments.tolist() == expected.moments.tolist()
