"""Rows as files: numbers unrounded, nothing a spreadsheet runs, types kept, missing stays missing."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service import exporting

ROWS: list[dict[str, Any]] = [
    {
        "column": "=HYPERLINK(1)",
        "value": -0.123456789,
        "rows": 3,
        "start": "2013-05-07T00:00:00-04:00",
        "ok": True,
        "unit": None,
        "picture": "data:image/svg+xml;base64,PHN2Zz4=",
        "parts": {"a": 1},
    },
    {
        "column": "carrier",
        "value": None,
        "rows": 4,
        "start": None,
        "ok": None,
        "unit": None,
        "picture": None,
        "late": 1,
    },
]


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def parquet(rows):
    return pq.read_table(io.BytesIO(exporting.as_parquet(rows)))


def test_csv_keeps_numbers_and_disarms_formulas():
    lines = read(exporting.as_csv(ROWS))
    assert lines[0] == ["column", "value", "rows", "start", "ok", "unit", "parts", "late"]
    assert lines[1] == ["'=HYPERLINK(1)", "-0.123456789", "3", "2013-05-07T00:00:00-04:00", "True", "", '{"a": 1}', ""]
    assert lines[2] == ["carrier", "", "4", "", "", "", "", "1"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", " =", "  @"])
def test_text_that_begins_like_a_formula_is_disarmed_in_cells_and_heads(start):
    lines = read(exporting.as_csv([{f"{start}head": f"{start}cell"}]))
    assert lines == [[f"'{start}head"], [f"'{start}cell"]]


def test_json_is_the_rows_without_pictures():
    assert json.loads(exporting.as_json(ROWS))[0] == {
        name: value for name, value in ROWS[0].items() if name != "picture"
    } | {"late": None}


def test_json_has_no_number_that_json_does_not_know():
    assert json.loads(exporting.as_json([{"a": float("nan"), "b": float("inf"), "c": [float("nan")]}])) == [
        {"a": None, "b": None, "c": [None]}
    ]


def test_parquet_has_types():
    table = parquet(ROWS)
    assert dict(zip(table.column_names, table.schema.types, strict=True)) == {
        "column": pa.string(),
        "value": pa.float64(),
        "rows": pa.int64(),
        "start": pa.timestamp("us", tz="UTC"),
        "ok": pa.bool_(),
        "unit": pa.string(),
        "parts": pa.string(),
        "late": pa.int64(),
    }
    assert table["start"].to_pylist() == [datetime(2013, 5, 7, 4, tzinfo=UTC), None]
    assert table["column"][0].as_py() == "=HYPERLINK(1)"
    assert table["value"].to_pylist() == [-0.123456789, None]


def test_text_that_looks_like_a_time_only_here_and_there_stays_text():
    rows = [{"a": "2013-05-07T00:00:00-04:00", "b": "2013-05-07"}, {"a": "soon", "b": "2013-05-08"}]
    assert parquet(rows).schema.types == [pa.string(), pa.string()]


def test_numbers_of_other_libraries_are_numbers():
    assert json.loads(exporting.as_json([{"a": np.float64(1.5), "b": np.int64(2), "c": np.bool_(False)}])) == [
        {"a": 1.5, "b": 2, "c": False}
    ]


def test_no_rows_are_an_empty_file():
    assert exporting.as_csv([]) == ""
    assert exporting.as_json([]) == "[]"
    assert parquet([]).num_rows == 0


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("drift", "../../etc/passwd"), "drift-..-..-etc-passwd"),
        (('"><script>',), "script"),
        (("..",), "export"),
        (("x" * 300,), "x" * 120),
        (("größe", 3), "größe-3"),
    ],
)
def test_file_names_are_only_names(parts, name):
    assert exporting.safe_name(*parts) == name
