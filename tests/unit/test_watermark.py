"""Reading by watermark: whatever comes when, every row is taken once, as far as the overlap reaches."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.sources import SourceError, _watermark
from storage.sources._rows import fingerprints, to_table
from storage.sources._watermark import Mark, decode, earlier, encode

NOW = datetime(2024, 6, 1, tzinfo=UTC)
START = datetime(2024, 5, 1, tzinfo=UTC)


def read(
    rows: list[tuple], position: dict | None, *, overlap: timedelta | int, chunk: int, stop: int | None = None
) -> tuple:
    """Do what a query does: rows from the start on, in order, in chunks; `stop` ends it early, as a crash does."""
    mark = Mark.load(position, "at", overlap, by_id=False)
    wanted = sorted((row for row in rows if mark.start is None or row[0] >= mark.start), key=lambda row: row[0])
    taken = []
    for number, low in enumerate(range(0, len(wanted), chunk)):
        if number == stop:
            break
        fresh = mark.take(to_table(["at", "value"], wanted[low : low + chunk]), NOW)
        taken += fresh.to_pylist()
        position = mark.position()
    return taken, position


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    batches=st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=12), min_size=1, max_size=5),
    chunk=st.integers(1, 5),
    stops=st.lists(st.one_of(st.none(), st.integers(1, 3)), min_size=5, max_size=5),
)
def test_every_row_is_taken_once_however_late_within_the_overlap(batches, chunk, stops) -> None:
    """Batch n brings rows of minutes n to n + 4 (late ones among them), many of them alike; runs end early at will."""
    there: list[tuple] = []
    taken: list[dict] = []
    position = None
    for number, batch in enumerate(batches):
        there += [(START + timedelta(minutes=number + late), value) for late, value in batch]
        rows, position = read(there, position, overlap=timedelta(minutes=5), chunk=chunk, stop=stops[number])
        taken += rows
    rows, position = read(there, position, overlap=timedelta(minutes=5), chunk=chunk)
    taken += rows
    assert sorted((row["at"], row["value"]) for row in taken) == sorted(there)
    assert read(there, position, overlap=timedelta(minutes=5), chunk=chunk)[0] == []


@pytest.mark.parametrize("kind", ["whole", "text", "text time", "date", "number", "local"])
def test_rows_that_share_the_last_value_are_told_apart(kind: str) -> None:
    kinds: dict[str, list[Any]] = {
        "whole": [1, 2, 2, 2, 3],
        "text": ["a", "b", "b", "b", "c"],
        "text time": [f"2024-05-01 10:00:0{n}" for n in (1, 2, 2, 2, 3)],
        "date": [date(2024, 5, n) for n in (1, 2, 2, 2, 3)],
        "number": [Decimal("1.5"), Decimal("2.5"), Decimal("2.5"), Decimal("2.5"), Decimal("3.5")],
        "local": [START.replace(tzinfo=None, day=n) for n in (1, 2, 2, 2, 3)],
    }
    rows = list(zip(kinds[kind], [0, 0, 0, 1, 0], strict=True))
    first, position = read(rows[:2], None, overlap=timedelta(minutes=5), chunk=10)
    second, position = read(rows[:4], position, overlap=timedelta(minutes=5), chunk=1)
    third, _ = read(rows, position, overlap=timedelta(minutes=5), chunk=10)
    assert [len(first), len(second), len(third)] == [2, 2, 1]
    assert sorted(row["value"] for row in second) == [0, 1]


def test_a_position_survives_being_written_and_read() -> None:
    for value in (START, START.replace(tzinfo=None), START.date(), 7, 0.1, Decimal("1.10"), "x'y"):
        assert decode(encode(value)) == value
    for wrong in (None, True, b"x"):
        with pytest.raises(SourceError, match="a watermark cannot be"):
            encode(wrong)


def test_numbers_may_overlap_too() -> None:
    rows = [(number, 0) for number in (1, 2, 9)]
    first, position = read(rows, None, overlap=5, chunk=10)
    late, position = read([*rows, (5, 0), (2, 1)], position, overlap=5, chunk=10)
    assert (len(first), [row["at"] for row in late]) == (3, [5])  # 2 lies before what is looked at again
    assert earlier(9, timedelta(minutes=5)) == 9


def test_a_row_from_the_far_future_does_not_hide_what_comes_until_then() -> None:
    rows = [(START, 0), (datetime(2099, 1, 1, tzinfo=UTC), 0)]
    first, position = read(rows, None, overlap=timedelta(minutes=5), chunk=10)
    second, position = read([*rows, (NOW + timedelta(minutes=10), 1)], position, overlap=timedelta(minutes=5), chunk=10)
    assert (len(first), [row["value"] for row in second]) == (2, [1])


def test_a_source_whose_latest_rows_were_deleted_is_not_read_again() -> None:
    rows = [(START + timedelta(minutes=n), n) for n in range(20)]
    _, position = read(rows, None, overlap=timedelta(minutes=3), chunk=4)
    again, after = read(rows[:18], position, overlap=timedelta(minutes=3), chunk=4)
    assert again == []
    assert after["last"] == position["last"]
    assert read(rows, after, overlap=timedelta(minutes=3), chunk=4)[0] == []


def test_what_is_remembered_is_bounded_and_the_overlap_shrinks_with_it(monkeypatch) -> None:
    monkeypatch.setattr(_watermark, "HELD", 10)
    rows = [(START + timedelta(seconds=n), n) for n in range(100)]
    _, position = read(rows, None, overlap=timedelta(minutes=5), chunk=30)
    assert decode(position["from"]) == rows[90][0]
    assert sum(len(digests) for _, digests in position["seen"]) == 16 * 10
    assert read(rows, position, overlap=timedelta(minutes=5), chunk=30)[0] == []


def test_too_many_rows_of_one_value_need_an_id(monkeypatch) -> None:
    monkeypatch.setattr(_watermark, "HELD", 10)
    rows = to_table(["at", "value"], [(START, n) for n in range(11)])
    with pytest.raises(
        SourceError, match=r"more than 10 rows share the watermark at = 2024-05-01.*select the prediction id"
    ):
        Mark.load(None, "at", timedelta(0), by_id=False).take(rows, NOW)
    mark = Mark.load(None, "at", timedelta(0), by_id=True)
    assert mark.take(rows, NOW).num_rows == 11
    assert (
        Mark.load(mark.position(), "at", timedelta(0), by_id=True).take(rows, NOW).num_rows == 11
    )  # the door drops them


def test_a_watermark_that_is_not_there_is_named() -> None:
    with pytest.raises(SourceError, match=r"no column 'changed' to be its watermark; it returns at, value"):
        Mark.load(None, "changed", timedelta(0), by_id=False).take(to_table(["at", "value"], [(START, 1)]), NOW)
    assert Mark.load(None, "AT", timedelta(0), by_id=False).take(to_table(["at"], [(START,)]), NOW).num_rows == 1


def test_fingerprints_do_not_depend_on_how_a_driver_types_numbers() -> None:
    one = pa.table({"a": pa.array([1], pa.int64()), "b": pa.array([START])})
    other = pa.table({"b": pa.array([START.replace(tzinfo=None)]), "a": pa.array([1.0])})
    assert fingerprints(one) == fingerprints(other)
    assert fingerprints(pa.table({"a": [1.5], "b": [START]})) != fingerprints(one)
