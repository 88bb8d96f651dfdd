"""Metrics by group of people: the same numbers as rows give, and gaps that chance does not make."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from monitors.fairness import Group, sure_error, widest_gap
from monitors.metrics._intervals import share_error, wilson
from tests.support.tiny_workspace import LIVE, Tiny, tiny

DECLARATION = """
[models.loan]
task = "binary"
positive = "yes"
score = "score"
fairness = ["group"]
[models.loan.features]
income = "numeric"
[models.loan.context]
group = "categorical"
[models.loan.monitor]
multivariate = []
"""


def day(number: int, rows: int = 400, *, unfair: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(number + 100)
    group = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.38, 0.02])
    income = rng.normal(0, 1, rows)
    chance = 1 / (1 + np.exp(-2 * income))
    label = np.where(rng.random(rows) < chance, "yes", "no")
    cut = np.where((group == "b") & unfair, 0.8, 0.5)
    return pd.DataFrame(
        {
            "prediction_id": [f"{number}-{i}" for i in range(rows)],
            "event_time": [LIVE + timedelta(days=number, seconds=60 * i) for i in range(rows)],
            "income": income,
            "group": group,
            "score": chance,
            "prediction": np.where(chance > cut, "yes", "no"),
            "label": label,
        }
    )


@pytest.fixture
def loan(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", DECLARATION) as opened:
        opened.workspace.reference("loan", pd.concat([day(number) for number in range(-10, 0)]))
        yield opened


def log(loan: Tiny, frames: list[pd.DataFrame]) -> Any:
    for frame in frames:
        loan.workspace.log("loan", frame.drop(columns="label"))
        loan.workspace.label("loan", frame[["prediction_id", "label"]])
    loan.clock.now = LIVE + timedelta(days=len(frames) + 0.5)
    loan.workspace.run("loan")
    (view,) = loan.workspace.fairness("loan")
    return view


@pytest.mark.slow
def test_metrics_by_group_are_those_of_the_rows(loan: Tiny) -> None:
    frames = [day(number, unfair=True) for number in range(3)]
    view = log(loan, frames)
    (one,) = loan.workspace.fairness("loan", LIVE, LIVE + timedelta(days=1))
    assert sum(group["n"] for group in one["groups"] if group["metric"] == "selection_rate") == len(frames[0])
    every = pd.concat(frames)
    for group in view["groups"]:
        rows = every[every["group"] == group["group"]]
        assert group["n"] == len(rows)
        truth, said = rows["label"] == "yes", rows["prediction"] == "yes"
        expected = {
            "selection_rate": said.mean(),
            "recall": metrics.recall_score(truth, said),
            "specificity": metrics.recall_score(~truth, ~said),
            "precision": metrics.precision_score(truth, said),
            "accuracy": metrics.accuracy_score(truth, said),
        }[group["metric"]]
        if len(rows) < 30:
            assert group["value"] is None  # few people are not told about
        else:
            assert group["value"] == pytest.approx(expected)
            assert group["lower"] < expected < group["upper"]
    gap = {gap["metric"]: gap for gap in view["gaps"]}["selection_rate"]
    assert (gap["worst"], gap["best"], gap["significant"]) == ("b", "a", True)
    assert gap["ratio"] == pytest.approx(gap_ratio(every))
    assert "below the four-fifths rule" in gap["sentence"]


def gap_ratio(every: pd.DataFrame) -> float:
    rates = (every["prediction"] == "yes").groupby(every["group"]).mean()
    return float(rates["b"] / rates["a"])


@pytest.mark.slow
def test_groups_that_are_treated_alike_show_no_gap(loan: Tiny) -> None:
    view = log(loan, [day(number) for number in range(3)])
    assert {gap["metric"]: gap["significant"] for gap in view["gaps"]} == dict.fromkeys(
        ["selection_rate", "recall", "specificity", "precision", "accuracy"], False
    )


@pytest.mark.slow
def test_without_labels_the_selection_rate_alone_is_told(loan: Tiny) -> None:
    loan.workspace.log("loan", day(0).drop(columns="label"))
    loan.clock.now = LIVE + timedelta(days=1.5)
    loan.workspace.run("loan")
    (view,) = loan.workspace.fairness("loan")
    assert {group["metric"] for group in view["groups"]} == {"selection_rate"}


def test_a_reference_without_labels_still_gives_the_selection_rate(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", DECLARATION) as opened:
        opened.workspace.reference("loan", pd.concat([day(number) for number in range(-10, 0)]).drop(columns="label"))
        opened.workspace.log("loan", day(0).drop(columns="label"))
        opened.clock.now = LIVE + timedelta(days=1.5)
        opened.workspace.run("loan")
        (view,) = opened.workspace.fairness("loan")
        assert {group["metric"] for group in view["groups"]} == {"selection_rate"}


def test_a_declared_column_is_a_segment_too_and_must_be_one_of_the_model(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", DECLARATION) as opened:
        assert opened.workspace.core.spec("loan").segments == ["group"]
        assert 'fairness = ["group"]' in opened.workspace.export()
        with pytest.raises(Exception, match="age"):
            opened.workspace.apply(DECLARATION.replace('fairness = ["group"]', 'fairness = ["age"]'))


def test_the_widest_of_many_gaps_is_no_gap() -> None:
    rng = np.random.default_rng(3)
    told = 0
    for _ in range(300):
        shares = rng.binomial(200, 0.3, 8) / 200
        groups = [
            Group(str(i), share, float(np.sqrt(share * (1 - share) / 200)), 200) for i, share in enumerate(shares)
        ]
        gap = widest_gap(groups, 30)
        told += gap is not None and gap.significant
    assert told <= 24  # 5 % are 15


def test_a_small_group_in_which_nobody_is_chosen_is_no_gap_by_itself() -> None:
    rng = np.random.default_rng(4)
    told, rows = 0, np.array([40.0, 1000.0, 1000.0])
    for _ in range(300):
        hits = rng.binomial(rows.astype(int), 0.02).astype(np.float64)
        low, high = wilson(hits, rows)
        errors = map(sure_error, share_error(hits, rows), low, high)
        groups = [Group(str(i), hits[i] / rows[i], error, int(rows[i])) for i, error in enumerate(errors)]
        gap = widest_gap(groups, 30)
        told += gap is not None and gap.significant
    assert told <= 24  # 5 % are 15; by plain errors it is nearly every second time


def test_one_group_has_no_gap() -> None:
    assert widest_gap([Group("a", 0.5, 0.01, 1000), Group("b", 0.1, 0.2, 4)], 30) is None
