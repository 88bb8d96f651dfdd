"""Digests of rows: the same for the same rows, whatever lies around them in memory."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from storage.digests import rows_digest, table_digest

COLUMNS: dict[str, list[Any]] = {
    "text": ["a", None, "łö", ""],
    "number": [1.5, None, float("nan"), -0.0],
    "whole": [1, 2, None, 4],
    "flag": [True, None, False, True],
    "time": [datetime(2024, 1, 1, tzinfo=UTC), None, None, datetime(2024, 1, 2, tzinfo=UTC)],
    "nested": [[1], None, [], [2, 3]],
    "nothing": [None, None, None, None],
}
TABLE = pa.table(COLUMNS)


def test_chunks_slices_and_dictionaries_make_no_difference() -> None:
    whole = table_digest(TABLE)
    assert table_digest(pa.concat_tables([TABLE[:1], TABLE[1:]])) == whole
    assert table_digest(pa.concat_tables([TABLE, TABLE])[4:]) == whole
    assert table_digest(TABLE.replace_schema_metadata({"a": "b"})) == whole


@pytest.mark.parametrize("name", [*COLUMNS])
def test_any_other_value_is_seen(name: str) -> None:
    place = TABLE.column_names.index(name)
    turned = TABLE.set_column(
        place, name, pa.chunked_array([TABLE[name].take(pa.array([3, 0, 1, 2])).combine_chunks()])
    )
    renamed = TABLE.rename_columns([f"{each}2" if each == name else each for each in TABLE.column_names])
    assert (table_digest(turned) == table_digest(TABLE)) is (name == "nothing")
    assert table_digest(renamed) != table_digest(TABLE)


def test_texts_that_meet_differently_differ() -> None:
    assert table_digest(pa.table({"a": ["ab", "c"]})) != table_digest(pa.table({"a": ["a", "bc"]}))
    assert table_digest(pa.table({"a": ["a", None]})) != table_digest(pa.table({"a": [None, "a"]}))


def test_rows_are_the_same_in_any_order_of_members() -> None:
    assert rows_digest([{"a": 1, "b": TABLE}]) == rows_digest([{"b": TABLE, "a": 1}])
    assert rows_digest([{"a": 1}, {"a": 2}]) != rows_digest([{"a": 2}, {"a": 1}])
    assert rows_digest([{"a": 1, 2: "\ud800"}]) != rows_digest([{"a": 1, 2: 4}])
