"""Performance estimated without labels: the arithmetic, the learning, the judgement."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score

from monitors.estimates.estimator import Estimator, fit
from monitors.estimates.expected import mean_losses, several_classes, two_classes
from monitors.estimates.judge import surprise
from monitors.estimates.label_model import fit_labels
from monitors.estimates.weights import weigh
from reference_data.declaration import ModelSpec

Numbers = NDArray[np.float64]
FEATURES = {"a": "numeric", "b": "numeric", "kind": "categorical"}


def _inputs(rng: np.random.Generator, n: int, shift: float) -> tuple[Numbers, Numbers, NDArray[np.str_]]:
    return rng.normal(size=n) + shift, rng.normal(size=n), rng.choice(np.array(["u", "v", "w"]), n)


def _regression(rng: np.random.Generator, n: int, shift: float = 0.0, rule: float = 0.0) -> pa.Table:
    """Errors of a mean absolute 0.8 x (1 + |a|): what an error model has to learn."""
    a, b, kind = _inputs(rng, n, shift)
    label = 10 + 2 * a + (1 + np.abs(a)) * rng.normal(size=n) + rule
    return pa.table({"a": a, "b": b, "kind": kind, "prediction": 10 + 2 * a, "label": label})


def _binary(rng: np.random.Generator, n: int, shift: float = 0.0, bent: float = 1.0) -> pa.Table:
    """Scores know ``a`` alone; labels turn on ``a * b`` too, unless ``bent`` is 0."""
    a, b, kind = _inputs(rng, n, shift)
    score = 1 / (1 + np.exp(-a))
    label = rng.random(n) < 1 / (1 + np.exp(-(a + bent * a * b)))
    said, came = np.where(score > 0.5, "yes", "no"), np.where(label, "yes", "no")
    return pa.table({"a": a, "b": b, "kind": kind, "score": score, "prediction": said, "label": came})


def _learned(task: str, table: pa.Table, rows: int) -> Estimator:
    spec = ModelSpec(name="m", task=task, features=FEATURES, positive="yes" if task == "binary" else None)
    return fit(spec, "yes", table, None, np.arange(table.num_rows) // rows)


def _truth(table: pa.Table) -> dict[str, float]:
    label = table.column("label").to_numpy() == "yes"
    said, score = table.column("prediction").to_numpy() == "yes", table.column("score").to_numpy()
    return {name: e.value for name, e in two_classes(label.astype(float), said, score).items()}


# -- the arithmetic ----------------------------------------------------------------------------------------------------
def test_metrics_of_known_labels_are_those_of_scikit_learn() -> None:
    table = _binary(np.random.default_rng(1), 400)
    label = table.column("label").to_numpy() == "yes"
    said, score = table.column("prediction").to_numpy() == "yes", table.column("score").to_numpy().round(1)
    found = two_classes(label.astype(float), said, score)
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(label, score))
    assert found["precision"].value == pytest.approx(precision_score(label, said))
    assert found["recall"].value == pytest.approx(recall_score(label, said))
    assert found["f1"].value == pytest.approx(f1_score(label, said))
    assert found["log_loss"].value == pytest.approx(log_loss(label, np.clip(score, 2**-52, 1 - 2**-52)))
    assert found["accuracy"].sd == 0  # nothing is left to chance


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1", "specificity", "balanced_accuracy", "roc_auc", "log_loss", "brier"])  # fmt: skip
def test_chance_of_labels_is_what_a_simulation_gives(name: str) -> None:
    rng = np.random.default_rng(2)
    p = rng.beta(2, 3, 300)
    score = np.clip(p + rng.normal(0, 0.1, 300), 0.01, 0.99)
    expected = two_classes(p, score > 0.4, score)[name]
    drawn = [two_classes((rng.random(300) < p).astype(float), score > 0.4, score)[name].value for _ in range(800)]
    assert expected.value == pytest.approx(np.mean(drawn), abs=0.01)
    assert expected.sd == pytest.approx(np.std(drawn), rel=0.12)


@pytest.mark.slow
def test_several_classes_average_what_occurs() -> None:
    rng = np.random.default_rng(3)
    p = rng.dirichlet([2, 1, 1], 400)
    predicted = p.argmax(axis=1)
    expected = several_classes(p, predicted, p)
    drawn = [np.array([rng.choice(3, p=row) for row in p]) for _ in range(150)]
    accuracy = [float((labels == predicted).mean()) for labels in drawn]
    macro = [f1_score(labels, predicted, average="macro") for labels in drawn]
    area = [roc_auc_score(labels, p, multi_class="ovr") for labels in drawn]
    for name, values in (("accuracy", accuracy), ("f1", macro), ("roc_auc_ovr", area)):
        assert expected[name].value == pytest.approx(np.mean(values), abs=0.012)
        assert expected[name].sd == pytest.approx(np.std(values), rel=0.3)


def test_root_mean_squared_error_follows_from_squares() -> None:
    found = mean_losses({"mse": np.array([4.0, 12.0])}, {"mse": 0.0})
    assert found["rmse"].value == pytest.approx(np.sqrt(8.0))


# -- the learning ------------------------------------------------------------------------------------------------------
def test_scores_that_say_everything_are_taken_as_they_are() -> None:
    estimator = _learned("binary", _binary(np.random.default_rng(4), 4000, bent=0.0), 200)
    assert estimator.labels is not None
    assert estimator.labels.way == "as scored"


def test_scores_that_are_too_sure_are_calibrated() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(2, 2, 4000)
    label = (rng.random(4000) < p).astype(np.intp)
    bold = p**3 / (p**3 + (1 - p) ** 3)
    fold = np.arange(4000) % 5
    model = fit_labels(np.column_stack([1 - bold, bold]), np.zeros((4000, 0)), [], label, 2, fold)
    assert model.way == "calibrated"
    assert abs(model.held_out[:, 1] - p).mean() < 0.03 < abs(bold - p).mean()


def test_inputs_count_where_scores_do_not_know_them() -> None:
    reference = _binary(np.random.default_rng(6), 8000)
    estimator = _learned("binary", reference, 400)
    assert estimator.labels is not None
    assert estimator.labels.way == "with inputs"
    current = _binary(np.random.default_rng(7), 6000, shift=1.0)
    estimated, truth = estimator(current, None), _truth(current)
    assert estimated.weighted
    assert abs(estimated.metrics["accuracy"].value - truth["accuracy"]) < 0.02
    assert abs(estimated.metrics["roc_auc"].value - truth["roc_auc"]) < 0.03


@pytest.mark.slow
def test_larger_errors_are_expected_where_inputs_move() -> None:
    estimator = _learned("regression", _regression(np.random.default_rng(8), 6000), 300)
    for shift in (0.0, 1.0):
        current = _regression(np.random.default_rng(9), 4000, shift=shift)
        error = np.abs(current.column("prediction").to_numpy() - current.column("label").to_numpy())
        estimated = estimator(current.drop_columns(["label"]), None).metrics
        assert estimated["mae"].value == pytest.approx(float(error.mean()), rel=0.06)
        assert estimated["rmse"].value == pytest.approx(float(np.sqrt((error**2).mean())), rel=0.08)


@pytest.mark.slow
def test_intervals_hold_what_comes_19_times_in_20() -> None:
    rng = np.random.default_rng(10)
    held: list[bool] = []
    for seed in range(4):
        estimator = _learned("regression", _regression(np.random.default_rng(20 + seed), 3000), 100)
        for _ in range(50):
            current = _regression(rng, 100)
            error = np.abs(current.column("prediction").to_numpy() - current.column("label").to_numpy())
            lower, upper = estimator(current, None, weighted=False).metrics["mae"].interval()
            held.append(bool(lower <= error.mean() <= upper))
    assert 0.9 <= np.mean(held) <= 0.995


@pytest.mark.slow
def test_a_sample_of_a_window_stands_for_it_with_a_wider_interval() -> None:
    estimator = _learned("regression", _regression(np.random.default_rng(11), 3000), 150)
    current = _regression(np.random.default_rng(12), 1000)
    whole = estimator(current, None).metrics["mae"]
    many = estimator(current, None, 100_000).metrics["mae"]
    assert many.value == whole.value
    assert 0 < many.sd < whole.sd  # a hundred thousand labels leave less to chance, and the sample adds to it


@pytest.mark.slow
def test_rows_that_look_alike_are_not_weighted() -> None:
    rng = np.random.default_rng(13)
    reference = rng.normal(size=(2000, 3))
    same, moved = (
        weigh(reference, rng.normal(size=(800, 3)), [False] * 3),
        weigh(reference, rng.normal(size=(800, 3)) + 1, [False] * 3),
    )
    assert not same.shifted
    assert same.effective == 2000
    assert moved.shifted
    assert moved.effective < 1200
    assert float(np.average(reference[:, 0], weights=moved.values)) > 0.5


@pytest.mark.slow
def test_inputs_far_outside_are_said_to_be_so() -> None:
    estimator = _learned("regression", _regression(np.random.default_rng(14), 3000), 150)
    assert estimator(_regression(np.random.default_rng(15), 500, shift=9.0), None).outside


def test_a_reference_that_cannot_be_learned_says_why() -> None:
    table = _regression(np.random.default_rng(16), 100)
    with pytest.raises(ValueError, match="keeps 100 rows"):
        _learned("regression", table, 10)
    unlabelled = table.drop_columns(["label"]).append_column("label", pa.nulls(100, pa.float64()))
    with pytest.raises(ValueError, match="keeps 0 rows"):
        _learned("regression", unlabelled, 10)


@pytest.mark.slow
def test_the_same_rows_give_the_same_estimates() -> None:
    table, current = _binary(np.random.default_rng(17), 2000), _binary(np.random.default_rng(18), 500, shift=0.7)
    first, again = (_learned("binary", table, 100)(current, None).metrics for _ in range(2))
    assert {name: e.value for name, e in first.items()} == {name: e.value for name, e in again.items()}


# -- the judgement -----------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_changed_rule_is_not_seen_by_the_estimate_but_by_the_gap() -> None:
    estimator = _learned("regression", _regression(np.random.default_rng(19), 6000), 300)
    current = _regression(np.random.default_rng(20), 300, rule=5.0)
    error = float(np.abs(current.column("prediction").to_numpy() - current.column("label").to_numpy()).mean())
    estimate = estimator(current, None).metrics["mae"]
    lower, upper = estimate.interval()
    before = estimator(_regression(np.random.default_rng(20), 300), None).metrics["mae"]
    assert estimate.value == before.value
    assert surprise(estimate.value, lower, upper, error, 1.0)
    assert not surprise(estimate.value, lower, upper, estimate.value + 0.9 * (upper - estimate.value), 1.0)


def test_few_labels_surprise_less() -> None:
    assert surprise(1.0, 0.9, 1.1, 1.2, 1.0)
    assert not surprise(1.0, 0.9, 1.1, 1.2, 0.5)
