"""Samples of rows merge in any order, and to the sample that all rows together would have given."""

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from storage.names import EVENT_TIME
from storage.row_samples import HASH, Sample, bottom, from_bytes, merge, to_bytes

_LAST = 2**64 - 1
HASHES = st.lists(st.integers(0, _LAST), unique=True, max_size=40)


def whole(hashes: list[int]) -> Sample:
    """Return a sample that holds every row."""
    ordered = sorted(hashes)
    times = pa.array([datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)] * len(ordered), pa.timestamp("us"))
    table = pa.table(
        [pa.array(ordered, pa.uint64()), times, pa.array([str(h) for h in ordered])], [HASH, EVENT_TIME, "x"]
    )
    return Sample(table, _LAST, len(ordered))


@st.composite
def parts(draw: st.DrawFn) -> tuple[list[int], list[list[int]]]:
    hashes = draw(HASHES)
    places = [draw(st.integers(0, 3)) for _ in hashes]
    return hashes, [[h for h, place in zip(hashes, places, strict=True) if place == part] for part in range(4)]


def same(one: Sample | None, other: Sample | None) -> bool:
    assert one is not None
    assert other is not None
    return one.table.equals(other.table) and (one.complete_to, one.n_rows) == (other.complete_to, other.n_rows)


@given(parts(), st.integers(1, 12))
def test_the_sample_of_parts_is_the_sample_of_all(found: tuple[list[int], list[list[int]]], most: int) -> None:
    hashes, pieces = found
    merged = merge([bottom(whole(piece), most) for piece in pieces], most)
    assert same(merged, bottom(whole(hashes), most))


@given(parts(), st.lists(st.integers(1, 9), min_size=4, max_size=4))
def test_merging_is_associative_and_commutative(found: tuple[list[int], list[list[int]]], sizes: list[int]) -> None:
    a, b, c, d = (bottom(whole(piece), most) for piece, most in zip(found[1], sizes, strict=True))
    left = merge([merge([merge([a, b]), c]), d])  # type: ignore[list-item]
    assert same(left, merge([a, merge([b, merge([c, d])])]))  # type: ignore[list-item]
    assert same(left, merge([d, c, b, a]))


@given(parts(), st.lists(st.integers(1, 9), min_size=4, max_size=4))
def test_a_merged_sample_holds_every_row_up_to_where_it_is_complete(
    found: tuple[list[int], list[list[int]]], sizes: list[int]
) -> None:
    merged = merge([bottom(whole(piece), most) for piece, most in zip(found[1], sizes, strict=True)])
    assert merged is not None
    assert merged.table[HASH].to_pylist() == sorted(h for h in found[0] if h <= merged.complete_to)


@given(HASHES, st.integers(1, 12))
def test_a_sample_survives_its_storage(hashes: list[int], most: int) -> None:
    sample = bottom(whole(hashes), most)
    assert same(from_bytes(to_bytes(sample), sample.n_rows), sample)


def test_no_samples_make_no_sample() -> None:
    assert merge([]) is None


def test_columns_that_one_side_lacks_are_missing_there() -> None:
    more = whole([5])
    wider = Sample(more.table.append_column("y", pa.array([1.0])), more.complete_to, 1)
    merged = merge([whole([3]), wider])
    assert merged is not None
    assert merged.inputs.to_pylist() == [{"x": "3", "y": None}, {"x": "5", "y": 1.0}]
