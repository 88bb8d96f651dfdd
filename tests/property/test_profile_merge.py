"""Merging profiles: associative, commutative, exact; and the real profiler agrees with itself on parts and wholes."""

import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_data.bins import Bins
from reference_data.profile import BinnedColumn, Layout, Profile, merge
from reference_data.schema import Column
from storage.names import quote
from storage.profiler import freeze_layout, profile_rows

HOSTILE = ["", "'", '"', "a'b", "😀", "é", "a;--", "\\", "other", "unseen", "null", "NaN", "x" * 300, "\0", "a\0b"]
NUMBERS = st.one_of(
    st.none(),
    st.floats(),
    st.floats(min_value=-100, max_value=100),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, -1.7e308, 5e-324, 0.1, 1e9 + 0.1]),
)
TEXTS = st.one_of(st.none(), st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
TAME = st.one_of(st.none(), st.floats(min_value=-1e6, max_value=1e6), st.sampled_from([math.nan, math.inf]))
COLUMNS = (
    Column('num "x', "numeric"),
    Column("cat'; DROP", "categorical"),
    Column("words", "text"),
    Column("flag", "boolean"),
)
EXPRESSIONS = {column.name: quote(f"c{index}") for index, column in enumerate(COLUMNS)}
SCHEMA = pa.schema(
    [("part", pa.int32()), ("c0", pa.float64()), ("c1", pa.string()), ("c2", pa.string()), ("c3", pa.bool_())]
)


def rows(numbers: st.SearchStrategy[float | None], max_size: int = 40):
    row = st.tuples(st.integers(0, 3), numbers, TEXTS, TEXTS, st.one_of(st.none(), st.booleans()))
    return st.lists(row, max_size=max_size)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        yield connection


def arrow(values) -> pa.Table:
    columns = zip(*values, strict=True) if values else [()] * len(SCHEMA)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def measured(con, table: pa.Table, layout: Layout, group=()):
    con.register("t", table)
    return profile_rows(con, "SELECT * FROM t", EXPRESSIONS, layout, group=group)


def frozen(con, table: pa.Table) -> Layout:
    con.register("t", table)
    return freeze_layout(con, "SELECT * FROM t", EXPRESSIONS, COLUMNS)


def same_moments(one: Profile, two: Profile) -> None:
    n = one.valid_counts().astype(float)
    np.testing.assert_array_equal(n, two.valid_counts())
    a, b = one.moments, two.moments
    np.testing.assert_array_equal(a[..., 2::4], b[..., 2::4])
    np.testing.assert_array_equal(a[..., 3::4], b[..., 3::4])
    reach = np.where(n > 0, np.maximum(np.abs(a[..., 2::4]), np.abs(a[..., 3::4])), 0)
    assert np.all(np.abs(a[..., 0::4] - b[..., 0::4]) <= 1e-12 * reach + 1e-300)
    assert np.all(np.abs(a[..., 1::4] - b[..., 1::4]) <= 1e-11 * n * reach**2 + 1e-300)


LAYOUT = Layout(
    (
        BinnedColumn(Column("a", "numeric"), Bins("ordered", edges=(-1.0, 0.0, 2.5), display=(-1.0, 0.0))),
        BinnedColumn(Column("b", "categorical"), Bins("nominal", categories=("x", "y"), known=("z",))),
        BinnedColumn(Column("c", "numeric"), Bins("ordered")),
    )
)


def profile_of(values: list[float]) -> Profile:
    """A profile made by hand, with numpy alone, of one list of finite values in both ordered columns."""
    profile = LAYOUT.empty()
    x = np.array(values, dtype=float)
    profile.counts[0] = len(x)
    for name in ("a", "c"):
        cells = np.bincount(np.searchsorted(LAYOUT.entry(name).bins.edges, x), minlength=LAYOUT.entry(name).bins.size)
        profile.counts[LAYOUT.count_slice(name)] = [0, 0, 0, *cells]
        if len(x):
            profile.moments[LAYOUT.moment_slice(name)] = [x.mean(), ((x - x.mean()) ** 2).sum(), x.min(), x.max()]
    profile.counts[LAYOUT.count_slice("b")][0] = len(x)
    return profile


LISTS = st.lists(st.floats(min_value=-1e6, max_value=1e6), max_size=12)


@given(LISTS, LISTS, LISTS)
def test_merge_is_associative(a, b, c):
    x, y, z = map(profile_of, (a, b, c))
    left, right = merge([merge([x, y]), z]), merge([x, merge([y, z])])
    np.testing.assert_array_equal(left.counts, right.counts)
    same_moments(left, right)
    same_moments(left, merge([x, y, z]))


@given(LISTS, LISTS)
def test_merge_is_commutative(a, b):
    x, y = map(profile_of, (a, b))
    np.testing.assert_array_equal(merge([x, y]).counts, merge([y, x]).counts)
    same_moments(merge([x, y]), merge([y, x]))


@given(LISTS)
def test_no_rows_are_the_neutral_element(a):
    x = profile_of(a)
    for merged in (merge([x, LAYOUT.empty()]), merge([LAYOUT.empty(), x]), merge([x])):
        np.testing.assert_array_equal(merged.counts, x.counts)
        np.testing.assert_array_equal(merged.moments, x.moments)


@given(st.lists(LISTS, min_size=1, max_size=6))
def test_moments_agree_with_numpy_on_the_concatenation(parts):
    together = merge([profile_of(part) for part in parts])
    direct = profile_of([value for part in parts for value in part])
    np.testing.assert_array_equal(together.counts, direct.counts)
    same_moments(together, direct)


def test_moments_keep_their_digits_far_from_zero(con):
    x = 1e9 + np.arange(200_000) % 7 * 1e-3
    con.register("far", pa.table({"c0": x, "part": np.arange(len(x)) % 5}))
    layout = Layout((BinnedColumn(Column('num "x', "numeric"), Bins("ordered", edges=(0.0,))),))
    _, parts = profile_rows(con, "SELECT * FROM far", EXPRESSIONS, layout, group=["part"])
    column = parts.total().column('num "x')
    assert column.mean == pytest.approx(x.mean(), abs=3e-7)
    assert column.std == pytest.approx(0.002, rel=1e-3)


def test_profiles_of_different_cells_do_not_merge():
    other = Layout((BinnedColumn(Column("a", "numeric"), Bins("ordered", edges=(1.0,))),))
    with pytest.raises(ValueError, match="different reference versions"):
        merge([LAYOUT.empty(), other.empty()])
    with pytest.raises(ValueError, match="at least one"):
        merge([])


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(reference=rows(TAME), current=rows(TAME))
def test_the_whole_is_the_merge_of_its_parts(con, reference, current):
    layout = frozen(con, arrow(reference))
    table = arrow(current)
    keys, parts = measured(con, table, layout, group=["part"])
    _, whole = measured(con, table, layout)
    assert [key[0] for key in keys] == sorted({row[0] for row in current})
    np.testing.assert_array_equal(parts.total().counts, whole[0].counts)
    same_moments(parts.total(), whole[0])


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(reference=rows(NUMBERS), current=rows(NUMBERS))
def test_every_row_is_counted_once_in_every_column(con, reference, current):
    layout = frozen(con, arrow(reference))
    _, whole = measured(con, arrow(current), layout)
    assert whole.rows.tolist() == [len(current)]
    for index, column in enumerate(COLUMNS, start=1):
        part = whole.column(column.name)
        held = [row[index] for row in current]
        assert part.rows == part.missing + part.nan + part.inf + part.valid
        assert part.missing == sum(value is None for value in held)
        numbers = [value for value in held if isinstance(value, float)]
        assert part.nan == sum(map(math.isnan, numbers))
        assert part.inf == sum(map(math.isinf, numbers))


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(reference=rows(NUMBERS), current=rows(NUMBERS))
def test_cells_are_upper_inclusive_and_frozen(con, reference, current):
    """Against numpy's searchsorted and a plain dictionary, so that a wrong edge or a lost quote shows."""
    layout = frozen(con, arrow(reference))
    _, whole = measured(con, arrow(current), layout)
    number, category, words, flag = (whole[0].column(column.name) for column in COLUMNS)
    finite = [row[1] for row in current if row[1] is not None and math.isfinite(row[1])]
    expected = np.bincount(np.searchsorted(number.entry.bins.edges, finite), minlength=number.entry.bins.size)
    np.testing.assert_array_equal(number.cells, expected)
    lengths = [len(row[3]) for row in current if row[3] is not None]
    expected = np.bincount(np.searchsorted(words.entry.bins.edges, lengths), minlength=words.entry.bins.size)
    np.testing.assert_array_equal(words.cells, expected)
    bins = category.entry.bins
    values = [row[2] for row in current if row[2] is not None]
    listed = [sum(value == name for value in values) for name in bins.categories]
    other = sum(value in bins.known for value in values)
    np.testing.assert_array_equal(category.cells, [*listed, other, len(values) - sum(listed) - other])
    assert bins.known_complete
    truths = [row[4] for row in current if row[4] is not None]
    np.testing.assert_array_equal(flag.cells, [truths.count(False), truths.count(True), 0, 0])


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(reference=rows(NUMBERS))
def test_the_reference_itself_lies_in_range_and_holds_nothing_unseen(con, reference):
    table = arrow(reference)
    layout = frozen(con, table)
    _, whole = measured(con, table, layout)
    for column in COLUMNS:
        part = whole.column(column.name)
        bins = part.entry.bins
        if part.entry.ordered:
            assert list(bins.edges) == sorted(set(bins.edges))
            assert set(bins.display) <= set(bins.edges)
            assert not bins.edges or part.cells[0, -1] == 0
            beneath = not bins.edges or bins.edges[0] < part.minimum
            assert not bins.edges or not beneath or part.cells[0, 0] == 0
        else:
            assert part.cells[0, -1] == 0
    shuffled = table.take(pa.array(np.random.default_rng(7).permutation(len(table))))
    assert frozen(con, shuffled) == layout
    assert Layout.from_dict(layout.to_dict()) == layout
