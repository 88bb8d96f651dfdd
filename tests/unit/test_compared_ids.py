"""Ids are not compared: what is taken for one, what is not, and how they are compared all the same."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import compare_files
from service import context
from service.compared_files import compare_given
from service.compared_ids import find_ids
from service.comparing_report import page
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


def test_ids_are_known_by_name_by_texts_and_by_rising() -> None:
    found = {each["column"]: each["why"] for each in find_ids(table(1), table(2))}
    assert list(found) == ["order_id", "ticket", "row", "kennung"]
    assert found["order_id"] == "an id by its name, and nearly every row has its own"
    assert found["ticket"] == "nearly every row has a value of its own"
    assert found["row"] == "whole numbers that rise from row to row"


def test_what_is_an_id_on_one_side_only_is_compared() -> None:
    before = table(1)
    after = table(2).set_column(1, "ticket", pa.array(["the same"] * ROWS))
    assert "ticket" not in {each["column"] for each in find_ids(before, after)}


def test_few_rows_and_nothing_but_ids_are_compared() -> None:
    assert find_ids(table(1).slice(0, 20), table(2).slice(0, 20)) == []
    only = table(1).select(["order_id", "ticket"])
    assert find_ids(only, only) == []
    assert [each["column"] for each in find_ids(table(1), table(2), keep="row")] == ["order_id", "ticket", "kennung"]


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
    app = AppTest.from_function(_script).run()
    words = app.caption[0].value.replace("\\", "")
    assert words.startswith("Not compared, as ids tell rows apart and nothing else: id_<b>0 (an id by its name), ")
    assert words.endswith("id_<b>4 (an id by its name) and 2 more.")
    app.button(key="ids").click().run()
    assert app.query_params["ids"] in ("1", ["1"])
    assert app.caption[0].value == "Ids and keys are compared too."
    app.button(key="ids").click().run()
    assert "ids" not in app.query_params
    assert compare_files._NAMED == 5
