"""Ids are not compared: what is taken for one, what is not, and how they are compared all the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from dashboard.components import compare_files
from monitors.compare_ids import find_ids
from monitors.compare_inputs import pair_column
from monitors.compare_segments import compare_segments
from monitors.comparison import compare
from service import context
from service.cli import app
from service.compared_files import compare_given
from service.comparing_report import page
from storage.column_values import HeldColumns
from tests.support.fake_workspace import FakeWorkspace

ROWS = 400


def table(seed: int) -> pa.Table:
    """Return rows with ids of four kinds, and columns that look a little like ids and are none."""
    draw = np.random.default_rng(seed)
    keys = draw.permutation(10**6)[:ROWS]
    return pa.table(
        {
            "order_id": keys,  # whole numbers in no order: by name
            "ticket": [f"{key:06x}-{seed}" for key in keys],  # texts
            "row": np.arange(ROWS) + ROWS * seed,  # a key that rises
            "kennung": [f"K{key}" for key in keys],
            "distance": draw.normal(1000, 300, ROWS).round(),
            "carrier": draw.choice(["AA", "B6", "UA"], ROWS),
            "customer_id": draw.integers(0, 15, ROWS),  # an id by name, of a few only
            "review": [f"{'the flight was late again, and nobody said a word ' * 2}{key}" for key in keys],
            "temp": draw.normal(10, 5, ROWS),
        }
    )


def ids(left: pa.Table, right: pa.Table) -> dict[str, str]:
    names = dict.fromkeys([*left.column_names, *right.column_names])
    pairs = [pair_column(HeldColumns(left), HeldColumns(right), name) for name in names]
    return {each.column: each.why for each in find_ids(pairs)}


def test_ids_are_known_by_name_by_texts_and_by_rising() -> None:
    found = ids(table(1), table(2))
    assert list(found) == ["order_id", "ticket", "row", "kennung"]
    assert found["order_id"] == "an id by its name, and nearly every row has its own"
    assert found["ticket"] == "nearly every row has a value of its own"
    assert found["row"] == "whole numbers that rise from row to row"


def test_texts_of_several_words_are_to_be_read_however_short() -> None:
    notes = [f"late again {key}" for key in range(ROWS)]
    own = table(1).append_column("note", pa.array(notes))
    assert "note" not in ids(own, own)


def test_what_is_an_id_on_one_side_only_is_compared() -> None:
    before = table(1)
    after = table(2).set_column(1, "ticket", pa.array(["the same"] * ROWS))
    assert "ticket" not in ids(before, after)


def test_few_rows_and_nothing_but_ids_are_compared() -> None:
    assert ids(table(1).slice(0, 20), table(2).slice(0, 20)) == {}
    only = table(1).select(["order_id", "ticket"])
    assert ids(only, only) == {}


def _given(tmp_path: Any) -> dict[str, dict[str, str]]:
    import pyarrow.parquet as pq

    files = {}
    for seed, side in enumerate(("reference", "current"), 1):
        pq.write_table(table(seed), tmp_path / f"{side}.parquet")
        files[side] = {"path": str(tmp_path / f"{side}.parquet"), "name": f"{side}.parquet"}
    return files


def test_ids_are_left_out_and_named_unless_they_are_asked_for(tmp_path: Any) -> None:
    how: Any = {"timestamp": None, "split": None, "alpha": 0.01, "preset": None, "together": False}
    found = compare_given(_given(tmp_path), **how)
    compared = {column["column"] for column in found["columns"]}
    assert compared == {"distance", "carrier", "customer_id", "review", "temp"}
    assert (found["drift"], found["drifted"]) == (False, 0)
    assert [each["column"] for each in found["left_out"]] == ["order_id", "ticket", "row", "kennung"]
    assert "not compared: row, whole numbers that rise" in page(found)
    every = compare_given(_given(tmp_path), **how, ids=True)
    assert (every["left_out"], len(every["columns"])) == ([], 9)
    assert {column["column"] for column in every["columns"] if column["verdict"] == "drift"} >= {"row"}


def _script() -> None:
    from dashboard.components import compare_files
    from tests.unit.test_compared_ids import RESULT

    compare_files._left_out(RESULT)


RESULT: Any = {"left_out": [{"column": f"id_<b>{number}", "why": "an id by its name"} for number in range(7)]}


@pytest.fixture
def served() -> Any:
    context.set_workspace(FakeWorkspace())
    yield
    context.set_workspace(None)


def test_the_page_says_what_was_left_out_and_how_to_compare_it(served: Any) -> None:
    shown = AppTest.from_function(_script).run()
    words = shown.caption[0].value.replace("\\", "")
    assert words.startswith("Not compared, as ids tell rows apart and nothing else: id_<b>0 (an id by its name), ")
    assert words.endswith("id_<b>4 (an id by its name) and 2 more.")
    shown.button(key="ids").click().run()
    assert shown.query_params["ids"] in ("1", ["1"])
    assert shown.caption[0].value == "Ids and keys are compared too."
    shown.button(key="ids").click().run()
    assert "ids" not in shown.query_params
    assert compare_files._NAMED == 5


# -- on the command line and in Python ---------------------------------------------------------------------------------
@pytest.fixture
def stored(tmp_path: Path) -> list[str]:
    return [each["path"] for each in _given(tmp_path).values()]


def test_the_command_leaves_ids_out_and_says_how_to_have_them_compared(stored: list[str]) -> None:
    said = CliRunner().invoke(app, ["compare", *stored, "--fail-on", "drift"])
    assert said.exit_code == 0
    assert said.stdout.startswith("no drift in 5 columns")
    (note,) = [line for line in said.stdout.splitlines() if line.startswith("note: not compared")]
    assert "order_id (an id by its name, and nearly every row has its own), ticket (nearly every row" in note
    assert note.endswith("--ids, or ids=True in Python, compares ids too")
    every = CliRunner().invoke(app, ["compare", *stored, "--ids", "--fail-on", "drift"])
    assert (every.exit_code, "not compared" in every.stdout) == (3, False)


def test_the_json_carries_what_was_left_out(stored: list[str]) -> None:
    found = json.loads(CliRunner().invoke(app, ["compare", *stored, "--json"]).stdout)
    assert [each["column"] for each in found["left_out"]] == ["order_id", "ticket", "row", "kennung"]
    assert all(each["why"] for each in found["left_out"])
    assert len(found["columns"]) == 9
    errors = {column["column"]: column["error"] for column in found["columns"] if column["error"]}
    assert list(errors) == [each["column"] for each in found["left_out"]]
    assert errors["order_id"].startswith("left out, as an id tells rows apart")
    every = json.loads(CliRunner().invoke(app, ["compare", *stored, "--json", "--ids"]).stdout)
    assert (every["left_out"], len(every["columns"])) == ([], 9)


def test_a_column_that_is_asked_for_is_compared_though_it_is_an_id(stored: list[str]) -> None:
    found = compare(*stored, columns=["row", "temp"])
    assert ([column.column for column in found.columns], found.left_out) == (["row", "temp"], ())


def test_files_and_tables_are_of_one_mind(stored: list[str]) -> None:
    held = compare(table(1), table(2))
    assert compare(*stored).left_out == held.left_out
    assert len(held.left_out) == 4


def test_ids_are_left_out_inside_of_segments_too(stored: list[str]) -> None:
    found = compare_segments(stored[0], stored[1], "carrier").to_dict()
    assert [each["column"] for each in found["left_out"]] == ["order_id", "ticket", "row", "kennung"]
    compared = {column["column"] for inside in found["segments"] for column in inside["columns"]}
    assert compared == {"distance", "customer_id", "review", "temp"}


def test_large_numbers_that_differ_by_one_are_told_apart() -> None:
    def side(seed: int) -> pa.Table:
        draw = np.random.default_rng(seed)
        return pa.table({"n": np.arange(ROWS) + 2**60 + seed, "x": draw.normal(0, 1, ROWS)})

    assert [each.column for each in compare(side(1), side(2)).left_out] == ["n"]


def test_a_fraction_that_rises_is_compared() -> None:
    frames = [pa.table({"share": np.arange(ROWS) / ROWS, "x": np.zeros(ROWS)}) for _ in range(2)]
    assert compare(*frames).left_out == ()


def test_ids_of_a_file_in_many_pieces_are_known(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    rows = 150_000
    for seed in (1, 2):
        draw = np.random.default_rng(seed)
        made = {
            "key": [f"{seed}-{number}" for number in range(rows)],
            "counter": np.arange(rows) + rows * seed,
            "until": np.where(np.arange(rows) < 90_000, np.arange(rows), 5),  # rises for a while
            "x": draw.normal(0, 1, rows),
        }
        pq.write_table(pa.table(made), tmp_path / f"{seed}.parquet", row_group_size=20_000)
    found = compare(tmp_path / "1.parquet", tmp_path / "2.parquet")
    assert [each.column for each in found.left_out] == ["key", "counter"]
