"""What the gate holds beside its headline: declared rules, calibration, simple models, rows that the champion has learned from."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, precision_score, recall_score

from reference_data.schema import Task
from reference_data.training import MustNotRegress
from retraining.calibration import brier, calibration_error, curve
from retraining.champion import _unseen
from retraining.fitted import ModelCard
from retraining.gate import Candidate, Simple, gate
from retraining.gate_rules import segment_rows
from retraining.job_files import Incumbent
from retraining.rule_metrics import rule_metric_names, rule_metrics
from retraining.types import Predictions
from tests.unit.test_gate import LABEL, NOISE, RNG, SEGMENT, N, classifier, held, held_classes, regressor, row

MAE = MustNotRegress(metric="mae")


def ruled(*rules, **changes):
    return held(must=rules, **changes)


# ------------------------------------------------------------------------------------------------------------- rules


def test_a_rule_that_is_broken_for_certain_fails_the_gate_though_all_else_is_better():
    worse = np.where(SEGMENT == "LGA", 1.05, 0.5) * 6 * NOISE  # in LGA 5 % worse: within what every segment is allowed
    challenger = Candidate("v2", Predictions(LABEL + worse))
    assert gate(held(), challenger, regressor("v1", 6.0)).verdict == "passed"
    found = gate(ruled(MustNotRegress(metric="mae", segment="origin=LGA")), challenger, regressor("v1", 6.0))
    line = row(found, "must: mean absolute error, origin=LGA")
    assert (line["verdict"], line["allowed"]) == ("fail", "not worse")
    assert line["lower"] is not None
    assert line["lower"] > 0
    assert found.verdict == "failed"
    assert "must: mean absolute error, origin=LGA" in found.sentence


def test_what_is_allowed_is_a_share_of_the_champions_value():
    challenger, champion = regressor("v2", 6.3), regressor("v1", 6.0)
    for allowed, verdict in ((0.04, "fail"), (0.06, "pass")):
        found = gate(ruled(MustNotRegress(metric="mae", allowed=allowed)), challenger, champion)
        line = row(found, "must: mean absolute error")
        assert line["verdict"] == verdict
        assert line["allowed"] == f"worse by at most {allowed:.0%}".replace("%", " %")


def test_a_rule_that_may_be_broken_warns():
    champion = Candidate("v1", Predictions(LABEL + RNG.permutation(NOISE) * 5))
    challenger = Candidate("v2", Predictions(LABEL + RNG.permutation(NOISE) * 5.02))
    for one, other in ((challenger, champion), (champion, challenger)):
        line = row(gate(ruled(MAE), one, other), "must: mean absolute error")
        assert line["lower"] < 0 < line["upper"]
        assert line["verdict"] == ("warn" if line["change"] > 0 else "pass")


def test_a_rule_of_a_metric_that_should_be_high():
    found = gate(
        held_classes(must=(MustNotRegress(metric="recall"),)), classifier("v2", 0.5, 1), classifier("v1", 4.0, 2)
    )
    line = row(found, "must: recall")
    assert line["change"] < 0
    assert line["verdict"] == "fail"


def test_a_rule_that_cannot_be_judged_warns_and_without_a_champion_it_is_a_remark():
    rules = (MustNotRegress(metric="mae", segment="origin=EWR"), MAE)
    found = gate(ruled(*rules), regressor("v2", 5.0), regressor("v1", 12.0))
    line = row(found, "must: mean absolute error, origin=EWR")
    assert (line["verdict"], line["allowed"]) == ("warn", "not worse; 0 rows are too few to say")
    alone = gate(ruled(*rules), regressor("v2", 5.0), None)
    assert {r["verdict"] for r in alone.rows if r["name"].startswith("must")} == {"info"}
    assert alone.verdict == "passed"
    bare = Candidate("v1", Predictions(classifier("v1", 1.0, 2).predictions.predicted))
    unknown = gate(held_classes(must=(MustNotRegress(metric="brier"),)), classifier("v2", 4.0, 1), bare)
    assert row(unknown, "must: Brier score")["verdict"] == "warn"


def test_segments_are_named_as_the_monitors_name_them():
    pairs = np.array(["AA × JFK", "AA × LGA", np.nan], dtype=object)
    odd = np.array(["a=b", "x", "other"], dtype=object)
    found = held(label=LABEL[:3], segments={"carrier × origin": pairs, "kind": odd})
    assert segment_rows(found, "carrier=AA × origin=LGA").tolist() == [1]
    assert segment_rows(found, 'kind="other"').tolist() == [2]
    assert segment_rows(found, "kind=other").tolist() == []


def test_metrics_of_rules_against_scikit_learn():
    found, label = classifier("v2", 1.0, 1).predictions, held_classes().label
    metrics, everything = rule_metrics("binary", "yes", ""), np.arange(N)
    for name, oracle in (
        ("precision", precision_score(label == "yes", found.predicted == "yes")),
        ("recall", recall_score(label == "yes", found.predicted == "yes")),
        ("f1", f1_score(label == "yes", found.predicted == "yes")),
        ("balanced_accuracy", balanced_accuracy_score(label.astype(str), found.predicted.astype(str))),
        ("brier", brier_score_loss(label == "yes", found.scores[:, 1])),
    ):
        assert metrics[name].value(label, found, everything) == pytest.approx(oracle)


# ------------------------------------------------------------------------------------------------------- calibration


def test_calibration_error_is_the_gap_weighted_by_rows():
    rng = np.random.default_rng(5)
    score = rng.random(4000)
    label = np.where(rng.random(4000) < score**2, "yes", "no").astype(object)
    found = Predictions(label, np.column_stack([1 - score, score]), ("no", "yes"))
    came, said = calibration_curve(label == "yes", score, n_bins=10)
    weights = np.histogram(score, np.linspace(0, 1, 11))[0] / 4000
    assert calibration_error(label, found, "yes") == pytest.approx(float(np.abs(came - said) @ weights))
    points = curve(label, found, "yes")
    came, said = calibration_curve(label == "yes", score, n_bins=10, strategy="quantile")
    assert [p["actual"] for p in points] == pytest.approx(came.tolist())
    assert [p["predicted"] for p in points] == pytest.approx(said.tolist())
    assert all(p["lower"] < p["actual"] < p["upper"] for p in points)
    assert sum(p["rows"] for p in points) == 4000


def test_a_class_the_model_does_not_know_costs_it_the_whole_of_it():
    found = Predictions(np.array(["a"], dtype=object), np.array([[0.7, 0.3]]), ("a", "b"))
    assert brier(np.array(["c"], dtype=object), found, None) == pytest.approx(0.7**2 + 0.3**2 + 1)


def test_the_curve_of_a_regression_has_students_intervals_and_equal_predictions_stay_together():
    said = np.repeat([50.0, 100.0, 150.0], N // 3)
    points = curve(LABEL, Predictions(said), None)
    assert [p["predicted"] for p in points] == [50, 100, 150]
    first = stats.ttest_1samp(LABEL[: N // 3], 0).confidence_interval(0.95)
    assert (points[0]["lower"], points[0]["upper"]) == pytest.approx((first.low, first.high))
    assert curve(np.array(["a"], dtype=object), Predictions(np.array(["a"], dtype=object)), None) == []


def test_worse_calibration_warns_and_fails_only_by_a_rule():
    sharp = classifier("v1", 4.0, 2)
    scores = sharp.predictions.scores
    assert scores is not None
    flat = 0.5 + (scores - 0.5) * 0.3  # the same order of rows, and probabilities that say too little
    dull = Candidate("v2", Predictions(sharp.predictions.predicted, flat, ("no", "yes")))
    found = gate(held_classes(), dull, sharp)
    assert row(found, "calibration error")["verdict"] == "warn"
    ruled_out = gate(held_classes(must=(MustNotRegress(metric="ece"),)), dull, sharp)
    assert row(ruled_out, "must: calibration error")["verdict"] == "fail"
    assert set(found.calibration) == {"v1", "v2"}


# ------------------------------------------------------------------------------------------------------ simple models


@pytest.mark.parametrize(("size", "verdict"), [(2.0, "warn"), (5.0, "info"), (12.0, "pass")])
def test_a_simple_model_that_does_as_well_is_said(size, verdict):
    rows = np.arange(100, N)
    linear = Predictions((LABEL + size * RNG.permutation(NOISE))[rows])
    simple = (Simple("a linear model", linear, rows),)
    found = gate(held(simple=simple), regressor("v2", 5.0), regressor("v1", 12.0))
    line = row(found, "improvement on a linear model")
    assert line["verdict"] == verdict
    errors = np.abs(5 * NOISE[rows]).mean(), np.abs(linear.predicted - LABEL[rows]).mean()
    assert line["challenger"] == pytest.approx(1 - errors[0] / errors[1])
    assert found.verdict == ("warned" if verdict == "warn" else "passed")


# ------------------------------------------------------------------------------------------- rows that neither has seen


class _Held:
    """What of a trained model matters here: 300 rows, an hour apart, all kept apart."""

    class rows:  # noqa: N801
        times = pd.date_range("2024-03-01", periods=300, freq="h", tz="UTC")

    class split:  # noqa: N801
        held = np.arange(300)


HELD: Any = _Held


@pytest.mark.parametrize(
    ("since", "until", "kept", "words"),
    [
        (0, 0, (0, 300), None),
        (0, 200, (200, 300), "200 of 300 held-out rows are left out: v1 has learned from them"),
        (0, 201, (0, 300), "has learned from 201 of 300 of the held-out rows, which flatters it"),
        (0, 300, (0, 300), "has learned from all of the held-out rows"),
        (150, 300, (0, 150), "150 of 300 held-out rows are left out"),
        (None, 200, (200, 300), "200 of 300"),
    ],
)
def test_held_out_rows_that_the_champion_has_learned_from_are_left_out_or_said(since, until, kept, words):
    def at(hours):
        return None if hours is None else datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=hours)

    champion = Incumbent("v1", None, at(until), 0, at(since))
    rows, notes = _unseen(champion, HELD, np.arange(300))
    assert (rows[0], rows[-1] + 1, len(rows)) == (*kept, kept[1] - kept[0])
    assert len(notes) == (words is not None)
    assert words is None or words in notes[0]


def test_of_a_model_that_was_taken_in_one_cannot_tell():
    card = ModelCard("v1", "x", "", "regression", ())
    rows, notes = _unseen(Incumbent("v1", card), HELD, np.arange(300))
    assert len(rows) == 300
    assert "what v1 has learned from is not known" in notes[0]
    assert _unseen(Incumbent("v1"), HELD, np.arange(300))[1] == []  # it answered before the labels came


def test_the_page_of_the_gate_names_every_metric_a_rule_may_use():
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text("utf-8")
    names: dict[Task, str] = {"regression": "regression", "binary": "two classes", "multiclass": "several classes"}
    for task, words in names.items():
        line = next(line for line in page.splitlines() if line.startswith(f"| {words} | `"))
        assert sorted(re.findall(r"`(\w+)`", line)) == rule_metric_names(task)
