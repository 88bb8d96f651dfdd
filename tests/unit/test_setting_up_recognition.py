"""What is recognised in tables of many kinds: roles, task, classes, times."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn import datasets

from service.setting_up_views import Choices, Proposal
from service.wizard import example
from service.wizard.plan import Kept, propose
from service.wizard.sample import look
from service.wizard.windows import smallest_shift
from service.workspace import WorkspaceError
from storage.files import FileError

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 6, 1, tzinfo=UTC)
DICE = np.random.default_rng(5)


def proposed(path: Path, choices: Choices | None = None, taken: Iterable[str] = ()) -> Proposal:
    kept = Kept({"id": "0" * 16, "name": path.name, "bytes": path.stat().st_size}, look(str(path), path.name))
    return propose(kept, choices or {}, taken=list(taken), now=NOW)


def written(folder: Path, frame: pd.DataFrame, name: str = "rows.csv", **how: Any) -> Path:
    path = folder / name
    frame.to_csv(path, index=False, **how)
    return path


def roles(found: Proposal) -> dict[str, str]:
    return {column["name"]: column["role"] for column in found["columns"]}


def role(found: Proposal, wanted: str) -> list[str]:
    return [name for name, each in roles(found).items() if each == wanted]


def moments(rows: int, days: int = 60) -> list[datetime]:
    return [pd.Timestamp(2024, 1, 1).to_pydatetime() + timedelta(days=days * i / rows) for i in range(rows)]


# -- tables that ship, or that others use ------------------------------------------------------------------------------
def test_the_example_is_recognised_whole(tmp_path: Path) -> None:
    path = tmp_path / example.NAME
    path.write_text(example.csv_text(NOW))
    found = proposed(path)
    assert roles(found) == {
        "request_id": "id", "scored_at": "time", "age": "feature", "monthly_spend": "feature", "plan": "feature",
        "has_app": "feature", "support_calls": "feature", "predicted": "prediction", "p_leaves": "score", "actual": "label",
    }  # fmt: skip
    assert (found["task"], found["positive"], found["timezone"], found["window"]) == ("binary", "leaves", "UTC", "1d")
    assert [c["name"] for c in found["columns"] if c["segment"]] == ["plan"]
    assert (found["reference_windows"], found["windows_in_all"]) == (21, 60)
    assert found["notes"] == []
    assert example.csv_text(NOW) == path.read_text()


@pytest.mark.parametrize(
    ("file", "task", "positive", "scores"),
    [
        ("car_loans", "binary", "1", {"score": None}),
        ("car_prices", "regression", None, {}),
        (
            "credit_cards",
            "multiclass",
            None,
            {f"score_{c}": c for c in ("highstreet_card", "prepaid_card", "upmarket_card")},
        ),
    ],
)
def test_tables_of_other_libraries(file: str, task: str, positive: str | None, scores: dict[str, str | None]) -> None:
    found = proposed(ROOT / "tests" / "parity" / f"nannyml_{file}_reference.parquet")
    assert (found["task"], found["positive"]) == (task, positive)
    assert role(found, "prediction") == ["prediction"]
    assert role(found, "label") == ["label"]
    assert {c["name"]: c["score_of"] for c in found["columns"] if c["role"] == "score"} == scores
    assert role(found, "ignored") == ["window"]  # it only rises
    assert (found["times"], found["window"]) == ("order", "1d")


def test_flights_are_data_with_times_of_their_own(tmp_path: Path) -> None:
    table = pq.read_table(ROOT / "reference_data" / "flights" / "flights_2013.parquet").slice(0, 20_000)
    path = tmp_path / "flights.parquet"
    pq.write_table(table, path)
    found = proposed(path)
    assert (found["task"], role(found, "time"), found["times"]) == ("none", ["sched"], "column")
    assert any(note["level"] == "doubtful" and "only the data" in note["words"] for note in found["notes"])
    chosen = proposed(path, {"columns": {"air_time": {"role": "label"}, "arr_delay": {"role": "prediction"}}})
    assert (chosen["task"], role(chosen, "label")) == ("regression", ["air_time"])


def _toy(load: Any, names: Mapping[str, str], noise: float = 0.1) -> pd.DataFrame:
    bunch = load(as_frame=True)
    frame = bunch.frame.sample(frac=1, random_state=3, ignore_index=True)
    truth = frame.pop("target")
    wrong = np.random.default_rng(2).random(len(frame)) < noise
    frame[names["prediction"]] = np.where(wrong, truth.sample(frac=1, random_state=1).to_numpy(), truth)
    frame[names["label"]] = truth
    return frame


@pytest.mark.parametrize(
    ("load", "names", "task"),
    [
        (datasets.load_iris, {"prediction": "y_pred", "label": "y_true"}, "multiclass"),
        (datasets.load_wine, {"prediction": "Model Output", "label": "Ground Truth"}, "multiclass"),
        (datasets.load_breast_cancer, {"prediction": "Vorhersage", "label": "diagnosis"}, "binary"),
        (datasets.load_breast_cancer, {"prediction": "our_guess", "label": "target"}, "binary"),
        (datasets.load_digits, {"prediction": "PredictedDigit", "label": "actual"}, "multiclass"),
    ],
)
def test_toy_sets_with_names_of_other_people(tmp_path: Path, load: Any, names: Mapping[str, str], task: str) -> None:
    found = proposed(written(tmp_path, _toy(load, names)))
    assert (role(found, "prediction"), role(found, "label")) == ([names["prediction"]], [names["label"]])
    assert found["task"] == task


def test_a_number_is_predicted(tmp_path: Path) -> None:
    bunch = datasets.load_diabetes(as_frame=True).frame
    bunch["estimate"] = (bunch["target"] * 0.7 + 45 + DICE.normal(0, 20, len(bunch))).round(2)
    found = proposed(written(tmp_path, bunch))
    assert (found["task"], role(found, "prediction"), role(found, "label")) == ("regression", ["estimate"], ["target"])
    why = next(c["why"] for c in found["columns"] if c["name"] == "estimate")
    assert "correlates with `target` 0.9" in why


# -- shapes of classes and scores --------------------------------------------------------------------------------------
def _classes(rows: int = 900) -> pd.DataFrame:
    scores = DICE.dirichlet([2, 1, 1], rows)
    names = np.array(["basic", "basic plus", "none"])
    truth = np.array([DICE.choice(3, p=row) for row in scores])
    frame = pd.DataFrame(scores.round(4), columns=["p_basic", "p_basic_plus", "p_none"])
    frame["spend"] = DICE.normal(50, 10, rows)
    frame["predicted"], frame["outcome"] = names[scores.argmax(axis=1)], names[truth]
    frame["ts"] = moments(rows)
    return frame


def test_scores_of_several_classes_by_their_names(tmp_path: Path) -> None:
    found = proposed(written(tmp_path, _classes()))
    scores = {c["name"]: c["score_of"] for c in found["columns"] if c["role"] == "score"}
    assert scores == {"p_basic": "basic", "p_basic_plus": "basic plus", "p_none": "none"}
    assert found["task"] == "multiclass"
    assert 'basic = "p_basic"' in found["toml"]


def test_a_score_without_a_class_is_enough(tmp_path: Path) -> None:
    rows = 600
    score = DICE.random(rows).round(4)
    frame = pd.DataFrame(
        {"x": DICE.normal(size=rows), "churn_probability": score, "churned": (DICE.random(rows) < score).astype(int)}
    )
    found = proposed(written(tmp_path, frame))
    assert (found["task"], found["positive"], role(found, "score")) == ("binary", "1", ["churn_probability"])
    assert any("made of the scores" in note["words"] for note in found["notes"])


def test_lists_are_ranked(tmp_path: Path) -> None:
    lists, places = 80, 12
    relevance = DICE.integers(0, 4, lists * places)
    frame = pd.DataFrame(
        {
            "query_id": np.repeat(np.arange(lists) + 7000, places),
            "price": DICE.normal(100, 20, lists * places),
            "score": (relevance + DICE.normal(0, 1, lists * places)).round(3),
            "relevance": relevance,
        }
    )
    found = proposed(written(tmp_path, frame))
    assert (found["task"], role(found, "list"), role(found, "prediction"), role(found, "label")) == (
        "ranking", ["query_id"], ["score"], ["relevance"],
    )  # fmt: skip
    assert 'query = "query_id"' in found["toml"]


def test_noughts_and_ones_are_true_or_false_and_codes_are_categories(tmp_path: Path) -> None:
    rows = 300
    frame = pd.DataFrame(
        {
            "member": DICE.integers(0, 2, rows),
            "zip code": DICE.integers(10_000, 10_040, rows),
            "visits": DICE.poisson(4, rows),
        }
    )
    found = proposed(written(tmp_path, frame))
    assert {c["name"]: c["type"] for c in found["columns"]} == {
        "member": "boolean",
        "zip code": "categorical",
        "visits": "numeric",
    }


# -- what is left out --------------------------------------------------------------------------------------------------
def test_what_there_is_nothing_to_watch_in_is_ignored_with_the_reason(tmp_path: Path) -> None:
    rows = 300
    frame = pd.DataFrame(
        {
            "Unnamed: 0": range(rows),
            "customer_id": DICE.integers(1, 150, rows),
            "always": "x",
            "empty": None,
            "notes": [f"they called about case number {i} and were not happy with it" for i in range(rows)],
            "session": [f"{i * 7919:x}" for i in range(rows)],
            "amount": DICE.normal(size=rows),
        }
    )
    found = proposed(written(tmp_path, frame))
    assert roles(found) == {
        "Unnamed: 0": "ignored", "customer_id": "subject", "always": "ignored", "empty": "ignored", "notes": "ignored",
        "session": "id", "amount": "feature",
    }  # fmt: skip
    why = {c["name"]: c["why"] for c in found["columns"]}
    assert "row number" in why["Unnamed: 0"]
    assert "same value" in why["always"]
    assert "free text" in why["notes"]


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    rows = 400
    frame = pd.DataFrame(
        {"OrderID": DICE.permutation(rows) + 900_000, "x": DICE.normal(size=rows), "pred": DICE.normal(size=rows)}
    )
    assert role(proposed(written(tmp_path, frame)), "id") == ["OrderID"]


HOSTILE = [
    "<script>alert(1)</script>",
    'a"b',
    "[x](javascript:1)",
    "prediction error",
    "it's",
    "a.b",
    "`tick`",
    "=1+1",
    "DROP TABLE x; --",
]


def test_hostile_names_are_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({name: DICE.normal(size=250) for name in HOSTILE})
    frame["absolute error"] = DICE.normal(size=250)  # one that readings use themselves
    found = proposed(written(tmp_path, frame, name="../..<b>\u202e.csv".replace("/", "_")))
    assert [c["name"] for c in found["columns"] if c["role"] == "feature"] == HOSTILE
    assert roles(found)["absolute error"] == "ignored"
    assert found["name"].isascii()
    assert found["toml"]  # it is a valid declaration


# -- times -------------------------------------------------------------------------------------------------------------
def _timed(texts: Sequence[object], **more: object) -> pd.DataFrame:
    return pd.DataFrame({"ts": texts, "x": DICE.normal(size=len(texts)), **more})


@pytest.mark.parametrize("factor", [1, 1000, 1_000_000])
def test_seconds_since_1970_in_any_unit(tmp_path: Path, factor: int) -> None:
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    found = proposed(written(tmp_path, _timed([(start + i * 3600) * factor for i in range(2000)])))
    assert (role(found, "time"), found["windows"][0]["start"]) == (["ts"], "2024-01-01T00:00:00+00:00")
    assert any("1970" in note["words"] for note in found["notes"])


def test_offsets_tell_the_zone(tmp_path: Path) -> None:
    texts = [pd.Timestamp(at, tz="America/New_York").isoformat() for at in moments(2000, days=200)]
    found = proposed(written(tmp_path, _timed(texts)))
    assert (found["timezone"], role(found, "time")) == ("America/New_York", ["ts"])
    assert found["windows"][0]["start"] == "2024-01-01T00:00:00-05:00"


def test_offsets_of_half_the_rows_only_are_doubtful(tmp_path: Path) -> None:
    texts = [at.isoformat() + ("+02:00" if i % 2 else "") for i, at in enumerate(moments(600))]
    found = proposed(written(tmp_path, _timed(texts)))
    assert role(found, "time") == ["ts"]
    assert any("some have none" in note["words"] for note in found["notes"])


def test_german_numbers_and_dates(tmp_path: Path) -> None:
    rows = 800
    frame = pd.DataFrame(
        {
            "Datum": [f"{at:%d.%m.%Y}" for at in moments(rows, 80)],
            "Betrag": DICE.normal(1500, 300, rows).round(2),
            "Vorhersage": DICE.normal(10, 2, rows).round(2),
        }
    )
    frame["Istwert"] = (frame["Vorhersage"] + DICE.normal(0, 0.4, rows)).round(2)
    path = written(tmp_path, frame, sep=";", decimal=",")
    found = proposed(path)
    assert roles(found) == {"Datum": "time", "Betrag": "feature", "Vorhersage": "prediction", "Istwert": "label"}
    assert (found["task"], found["columns"][1]["type"]) == ("regression", "numeric")


def test_the_event_time_is_not_the_birthday_nor_the_time_of_the_label(tmp_path: Path) -> None:
    frame = _timed([at.isoformat() for at in moments(500)])
    frame["birth_date"] = [f"{1960 + i % 40}-03-0{1 + i % 9}" for i in range(500)]
    frame["label_time"] = [(at + timedelta(days=3)).isoformat() for at in moments(500)]
    found = proposed(written(tmp_path, frame))
    assert (role(found, "time"), role(found, "label time"), roles(found)["birth_date"]) == (
        ["ts"],
        ["label_time"],
        "feature",
    )


# -- windows, reference, names, choices --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rows", "days", "window"), [(40_000, 3, "1h"), (30_000, 60, "1d"), (6_000, 120, "1w"), (900, 3 * 365, "13w")]
)
def test_windows_are_as_short_as_their_rows_allow(tmp_path: Path, rows: int, days: int, window: str) -> None:
    found = proposed(written(tmp_path, _timed([at.isoformat() for at in moments(rows, days)])))
    assert found["window"] == window
    assert 0 < found["reference_windows"] < found["windows_in_all"]
    assert sum(slot["reference"] for slot in found["windows"]) == found["reference_windows"]
    assert found["reference_until"] == found["windows"][found["reference_windows"]]["start"]


def test_without_times_the_order_of_rows_stands_for_them_or_every_row_is_the_reference(tmp_path: Path) -> None:
    path = written(tmp_path, pd.DataFrame({"x": DICE.normal(size=3000), "pred": DICE.normal(size=3000)}))
    found = proposed(path)
    assert (found["times"], found["rows_per_window"], found["windows_in_all"]) == ("order", 200, 15)
    assert found["windows"][-1]["start"] == "2024-05-31T00:00:00+00:00"  # the last made-up day is yesterday
    assert 'time = ""' in found["toml"]
    none = proposed(path, {"times": "none"})
    assert (none["times"], none["windows"], none["reference_rows"]) == ("none", [], 3000)


def test_few_rows_are_doubtful(tmp_path: Path) -> None:
    found = proposed(written(tmp_path, _timed([at.isoformat() for at in moments(120)])))
    assert any("120 rows are few" in note["words"] for note in found["notes"])


def test_a_choice_takes_the_place_of_a_guess(tmp_path: Path) -> None:
    path = written(tmp_path, _classes())
    found = proposed(
        path,
        {"name": "mine", "columns": {"spend": {"role": "label"}}, "window": "1w", "timezone": "Asia/Tokyo", "warnings_per_year": 12.0,
         "reference_windows": 3, "task": "regression"},
    )  # fmt: skip
    assert role(found, "label") == ["spend"]
    assert roles(found)["outcome"] == "feature"  # there is one label only
    assert (found["name"], found["window"], found["timezone"], found["reference_windows"]) == (
        "mine",
        "1w",
        "Asia/Tokyo",
        3,
    )
    assert "warnings_per_year = 12.0" in found["toml"]
    shift = proposed(path)["smallest_shift"]
    assert shift is not None
    assert found["smallest_shift"] is not None
    assert found["smallest_shift"] < shift  # more rows a window, and a larger budget


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan")])
def test_a_budget_that_is_none_finds_no_shift(budget: float) -> None:
    assert smallest_shift(400, 2000, 10, "1d", budget) is None


def test_choices_that_cannot_be_are_refused_in_words(tmp_path: Path) -> None:
    path = written(tmp_path, _classes())
    with pytest.raises(WorkspaceError, match="no column 'ghost'; it has p_basic"):
        proposed(path, {"columns": {"ghost": {"role": "label"}}})
    with pytest.raises(WorkspaceError, match="window 'often' is not understood"):
        proposed(path, {"window": "often"})
    with pytest.raises(WorkspaceError, match="task 'magic' is not known; choose one of binary"):
        proposed(path, {"task": "magic"})
    with pytest.raises(WorkspaceError, match="Nowhere"):
        proposed(path, {"timezone": "Nowhere/At_all"})


def test_what_has_to_be_settled_first_is_said_with_the_way_on(tmp_path: Path) -> None:
    path = written(tmp_path, _classes(), name="Rows of 2024.csv")
    assert proposed(path, taken=["rows_of_2024"])["name"] == "rows_of_2024_2"
    taken = proposed(path, {"name": "here"}, taken=["here"])
    assert next((n["level"], n["way_on"]) for n in taken["notes"]) == ("impossible", "give this one another name")
    twice = proposed(path, {"columns": {"spend": {"role": "prediction"}, "predicted": {"role": "prediction"}}})
    assert "2 columns have the role prediction" in twice["notes"][0]["words"]
    assert twice["toml"] == ""
    nothing = proposed(
        path, {"columns": {name: {"role": "ignored"} for name in roles(proposed(path)) if name != "predicted"}}
    )
    assert nothing["notes"][0]["words"] == "no column is left to watch"
    named = proposed(path, {"name": "Not A Name"})
    assert named["notes"][0]["level"] == "impossible"


def test_files_that_hold_no_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "heads.csv"
    path.write_text("a,b,c\n")
    with pytest.raises(FileError, match=r"heads\.csv"):
        look(str(path), path.name)


@pytest.mark.slow
def test_large_files_are_looked_at_over_their_length(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["ts", "x"])
        start = datetime(2024, 1, 1, tzinfo=UTC)
        writer.writerows([(start + timedelta(minutes=i)).isoformat(), i % 97] for i in range(260_000))
        file.write(out.getvalue())
    found = proposed(path)
    assert found["rows"] == 260_000
    assert found["sampled"] < 130_000
    assert found["windows_in_all"] == 181
    assert found["rows_per_window"] == pytest.approx(1440, rel=0.01)
