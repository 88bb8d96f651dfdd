"""What is counted is counted one way on every page, and what stands below each other has the same digits."""

from types import SimpleNamespace
from typing import Any

import pytest

from dashboard import text
from dashboard.components import drift_table, model_table, model_tiles, numbers, reference_table, run_table, why
from service import report_data
from service.local import overview, reading_board
from tests.support.fake_workspace import MODEL, FakeWorkspace

STATES = {
    "temp": "material",
    "dest": "significant",
    "seats": "within",
    "prediction": "material",
    "error given inputs": "harmful",
}


def _row(column: str, kind: str, state: str) -> Any:
    return {
        **FakeWorkspace().drift_table(MODEL)[0],
        "column": column,
        "kind": kind,
        "state": state,
        "check": "jensen_shannon",
    }


ROWS = [
    _row("temp", "context", "material"),
    _row("dest", "feature", "significant"),
    _row("seats", "feature", "within"),
    _row("prediction", "prediction", "material"),
    _row("error given inputs", "concept", "harmful"),
]


# -- what is counted -----------------------------------------------------------------------------------------------
def test_a_model_counts_what_comes_in_and_names_the_rest() -> None:
    assert overview._counted(STATES) == {
        "drifted": 1,
        "columns": 3,
        "drifted_beside": ["prediction", "error given inputs"],
    }


def test_the_overview_and_the_models_own_page_say_the_same() -> None:
    model: Any = {**FakeWorkspace().model(MODEL), **overview._counted(STATES)}
    assert model_table._drifted(model) == "1 / 3 +2"
    inputs = [row for row in ROWS if row["kind"] in ("feature", "context")]
    tile = model_tiles._drift(inputs, "Now")
    assert (tile["value"], tile["remark"]) == ("1 of 3", "1 more slightly")
    calm: Any = {**model, "drifted_beside": []}
    unjudged: Any = {**model, "columns": 0}
    assert (model_table._drifted(calm), model_table._drifted(unjudged)) == ("1 / 3", None)


def test_a_report_counts_what_comes_in_and_names_the_rest() -> None:
    assert report_data._counted(ROWS) == (
        "2 of 3 columns moved, and prediction and error given inputs too; no alert came of it."
    )
    assert report_data._counted([*ROWS[2:4]]) == (
        "all 1 column are within their natural variation; prediction moved, and no alert came of it."
    )
    assert report_data._over(ROWS) == "3 columns, prediction and error given inputs"
    assert report_data._over(ROWS[:3]) == "3 columns"


def test_the_metrics_page_counts_what_comes_in() -> None:
    group: Any = {
        (column,): SimpleNamespace(
            check="jensen_shannon", segment="", column=column, drifts=state in ("material", "harmful"), verdict="drift",
            rank=0, model=MODEL, scope="column", value=0.1, threshold=0.1, end=0.0,
        )
        for column, state in STATES.items()
    }  # fmt: skip
    shown = reading_board._show("v1", {"column": group}, 100)
    assert shown.drifted == 1


def test_a_row_of_the_overview_has_what_matters_before_what_a_narrow_page_hides() -> None:
    frame = model_table._frame([FakeWorkspace().model(MODEL)], None)
    columns = model_table._columns([FakeWorkspace().model(MODEL)])
    assert list(frame) == list(columns)
    shown = list(columns)[: list(columns).index("champion") + 1]
    assert {"health", "since", "now", "reference", "line", "drifted", "labels"} <= set(shown)
    assert sum(columns[name]["width"] for name in shown) <= 844  # what a page of 900 pixels has
    assert "width='88'" in frame["line"][0]


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, 0), (0.0004, 1), (0.983, 98), (0.9996, 99), (1.0, 100), (None, None)]
)
def test_a_share_in_whole_per_cent_is_neither_nothing_nor_all_where_it_is_not_quite(
    share: float | None, said: int | None
) -> None:
    assert model_table._per_cent(share) == said


# -- what stands below each other ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([0.104, 0.0616, 0.0929, 1.0], 3),
        ([0.1, 0.123], 3),
        ([12.3, 7.95], 1),
        ([1011.2, 1049.0], 0),
        ([0.0, None, float("nan"), float("inf")], 0),
        ([0.000012, 0.5], 4),
        ([-0.25, 3.0], 2),
        ([0.01, 1200.0, 1.0], 1),
        ([0.902, 0.917], 3),
    ],
)
def test_the_decimals_of_a_column_follow_its_smaller_numbers(values: list[float | None], places: int) -> None:
    assert text.decimals(values) == places


def test_numbers_of_one_column_have_the_same_decimals() -> None:
    assert numbers.column("Value", [0.1, 0.123], [0.02])["type_config"]["format"] == "%,.3f"
    assert numbers.share("Missing", [0.0015, 0.1744, 0.0])["type_config"]["format"] == "%.2f %%"
    assert numbers.percent(0.158) == pytest.approx(15.8)
    assert numbers.percent(None) is None


def test_value_and_threshold_of_the_drift_table_have_the_same_decimals() -> None:
    units: list[Any] = [
        {**row, "unit": f"unit {place}"} for place, row in enumerate(ROWS)
    ]  # of the columns, not of the statistic
    columns: Any = drift_table._columns(units)
    assert columns["value"]["type_config"]["format"] == columns["threshold"]["type_config"]["format"]
    assert "g" not in columns["value"]["type_config"]["format"]
    shown = drift_table._FULL[: drift_table._FULL.index("bullet") + 1]
    assert sum(columns[name]["width"] for name in shown) <= 844  # what a page of 900 pixels has


@pytest.mark.parametrize(
    ("means", "said"),
    [
        ([36.2, 64.57], ["36.2", "64.6"]),
        ([0.002796, 0.007643], ["0.0028", "0.0076"]),
        ([8.911, 8.9], ["8.91", "8.90"]),
        ([-0.01728, -0.2532], ["−0.017", "−0.253"]),
        ([1011.0, 1049.3], ["1,011", "1,049"]),
        ([None, 3.0], [None, "3.00"]),
        ([0.0, 0.0], ["0", "0"]),
    ],
)
def test_the_two_means_of_a_column_have_the_same_decimals(means: list[float | None], said: list[str | None]) -> None:
    row: Any = {"mean": means}
    assert reference_table._means(row) == said


def test_a_table_of_models_writes_each_metric_with_its_own_digits() -> None:
    model: Any = FakeWorkspace().model(MODEL)
    model["metric"] = {**model["metric"], "value": 0.9, "reference": 0.902}
    frame = model_table._frame([model], None)
    assert (frame["now"][0], frame["reference"][0]) == ("0.900", "0.902")


def test_numbers_of_several_kinds_have_each_their_own_digits() -> None:
    rows: list[dict[str, object]] = [{"value": 213.1, "threshold": 63.2}, {"value": 0.0929, "threshold": None}]
    assert numbers.each_its_own(rows, "value", "threshold") == [
        {"value": "213", "threshold": "63.2"},
        {"value": "0.0929", "threshold": None},
    ]
    two: list[Any] = [{**ROWS[0], "check": "chi_square", "value": 213.0}, *ROWS[1:]]
    columns: Any = drift_table._columns(two)
    assert columns["value"]["type_config"]["type"] == "text"
    assert columns["value"]["alignment"] == "right"


@pytest.mark.parametrize(("p", "said"), [(None, None), (3.1e-8, "< 0.001"), (0.41, "0.410"), (1.0, "1.000")])
def test_chances_have_three_decimals(p: float | None, said: str | None) -> None:
    assert numbers.chance(p) == said


def test_rows_that_stand_for_a_change_say_whole_numbers_as_such() -> None:
    assert [why._said(value) for value in (6.0, 2006.0, -3.0, 12.25, None, "UA")] == [
        "6",
        "2006",
        "−3",
        "12.2",
        None,
        "UA",
    ]


def test_runs_take_seconds_with_one_decimal() -> None:
    assert [run_table._took(value) for value in (0.913, 2.28, 0.0042, 250.0)] == [
        "0.9 s",
        "2.3 s",
        "0.00420 s",
        "4 min",
    ]
