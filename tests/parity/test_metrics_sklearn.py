"""Every metric from a profile beside scikit-learn's on the same rows: equal where it is exact, within the stated bound where it is binned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as theirs

from monitors.metrics._confusion import confusion_counts
from monitors.metrics._scores import binary_split, calibration_curve
from monitors.registry import every_metric, metric_checks, metric_values
from reference_data.profile import Profile
from tests.support.profiles import (
    class_outcomes,
    layout_of,
    profile_of,
    regression_outcomes,
    scored_outcomes,
    spec_of,
    together,
)

SEEDS = range(4)
CLASSES = ("a", "b", "c", "d → e", "f", "never guessed")


def measured(task: str, columns: Any, frozen: Any = None) -> dict[str, float]:
    """Return every metric of the task, on cells frozen from ``frozen`` (default: the rows themselves)."""
    layout = layout_of(columns if frozen is None else frozen)
    spec = spec_of(task, positive="yes" if task == "binary" else None)
    profile = profile_of(layout, columns)
    return {n: float(metric_values(spec, check, profile)) for n, check in metric_checks(spec, layout).items()}


# -- regression --------------------------------------------------------------------------------------------------------
Regression = Callable[[Any, Any], float]
REGRESSION: dict[str, Regression] = {
    "mae": theirs.mean_absolute_error,
    "rmse": theirs.root_mean_squared_error,
    "mse": theirs.mean_squared_error,
    "mape": theirs.mean_absolute_percentage_error,
    "r2": theirs.r2_score,
    "bias": lambda label, guess: float((guess - label).mean()),
    "quantile_loss_10": lambda label, guess: theirs.mean_pinball_loss(label, guess, alpha=0.1),
    "quantile_loss_50": lambda label, guess: theirs.mean_pinball_loss(label, guess, alpha=0.5),
    "quantile_loss_90": lambda label, guess: theirs.mean_pinball_loss(label, guess, alpha=0.9),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_regression(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = rng.gamma(4, 40, 700)
    guess = label * rng.normal(1.02, 0.1, 700) + rng.normal(3, 5, 700)
    ours = measured("regression", regression_outcomes(guess, label))
    for name, function in REGRESSION.items():
        assert ours[name] == pytest.approx(function(label, guess), rel=1e-9), name
    layout = layout_of(regression_outcomes(guess, label))
    edges = np.asarray(layout.entry("absolute error").bins.edges)
    exact = theirs.median_absolute_error(label, guess)
    cell = np.searchsorted(edges, exact)
    assert abs(ours["median_absolute_error"] - exact) <= edges[cell] - edges[cell - 1]


NUMBERS = hnp.arrays(
    np.float64, st.integers(2, 40), elements=st.floats(-1e4, 1e4).filter(lambda v: v == 0 or abs(v) > 1e-3)
)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_regression_of_any_numbers(data: st.DataObject) -> None:
    label = data.draw(NUMBERS)
    guess = data.draw(hnp.arrays(np.float64, len(label), elements=st.floats(-1e4, 1e4)))
    ours = measured("regression", regression_outcomes(guess, label))
    for name, function in REGRESSION.items():
        if name == "r2" and np.ptp(label) < 1e-3:
            continue  # nothing to account for
        if (
            name == "mape" and (label == 0).any()
        ):  # scikit-learn divides by its smallest number; such rows have no share here
            held = label != 0
            expected = function(label[held], guess[held]) if held.any() else np.nan
        else:
            expected = function(label, guess)
        assert ours[name] == pytest.approx(expected, rel=1e-6, abs=1e-6, nan_ok=True), name


def test_labels_of_zero_have_no_share() -> None:
    ours = measured("regression", regression_outcomes(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0])))
    assert ours["mape"] == pytest.approx((1 / 1 + 1 / 2) / 2)


# -- classes -----------------------------------------------------------------------------------------------------------
def of_classes(label: Any, guess: Any) -> dict[str, float]:
    found = {
        "accuracy": theirs.accuracy_score(label, guess),
        "balanced_accuracy": theirs.balanced_accuracy_score(label, guess),
        "mcc": theirs.matthews_corrcoef(label, guess),
        "cohen_kappa": theirs.cohen_kappa_score(label, guess),
    }
    functions = {"precision": theirs.precision_score, "recall": theirs.recall_score, "f1": theirs.f1_score}
    for name, function in functions.items():
        for average in ("macro", "weighted"):
            found[f"{name}_{average}"] = function(label, guess, average=average, zero_division=0)
    return found


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning:sklearn")
def test_any_classes(rows: list[tuple[str, str]]) -> None:
    label, guess = (np.asarray(side) for side in zip(*rows, strict=True))
    ours = measured("multiclass", class_outcomes(guess, label))
    for name, expected in of_classes(label, guess).items():
        assert ours[name] == pytest.approx(expected, nan_ok=True), name


@pytest.mark.parametrize("seed", SEEDS)
def test_two_classes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = np.where(rng.random(600) < 0.3, "yes", "no")
    score = np.clip(np.round((0.3 + 0.3 * (label == "yes") + rng.normal(0, 0.2, 600)) * 50) / 50, 0.02, 1.0)
    guess = np.where(score > 0.5, "yes", "no")
    ours, truth = measured("binary", class_outcomes(guess, label, score)), label == "yes"
    expected = of_classes(label, guess) | {
        "precision": theirs.precision_score(label, guess, pos_label="yes"),
        "recall": theirs.recall_score(label, guess, pos_label="yes"),
        "f1": theirs.f1_score(label, guess, pos_label="yes"),
        "specificity": theirs.recall_score(label, guess, pos_label="no"),
        "positive_share": truth.mean(),
        "roc_auc": theirs.roc_auc_score(truth, score),  # a cell each, so the areas are exact
        "pr_auc": theirs.average_precision_score(truth, score),
        "brier": theirs.brier_score_loss(truth, score),
        "log_loss": theirs.log_loss(truth, score),
    }
    assert ours.keys() - expected.keys() == {"ece"}
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value), name


@pytest.mark.parametrize("seed", SEEDS)
def test_areas_of_any_scores_keep_their_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random(3000) < 0.2
    score = rng.beta(2 + truth, 4)
    columns = class_outcomes(np.where(score > 0.5, "yes", "no"), np.where(truth, "yes", "no"), score)
    ours, split = measured("binary", columns), binary_split(profile_of(layout_of(columns), columns))
    shared = (split.hits * split.misses).sum() / (truth.sum() * (~truth).sum())
    assert abs(ours["roc_auc"] - theirs.roc_auc_score(truth, score)) <= shared / 2
    hits, misses = split.hits[::-1], split.misses[::-1]  # from the highest scores on
    true_before, false_before = np.cumsum(hits) - hits, np.cumsum(misses) - misses
    best = (true_before + hits) / np.maximum(true_before + hits + false_before, 1)
    worst = true_before / np.maximum(true_before + false_before + misses, 1)
    bound = ((best - worst) * hits).sum() / truth.sum()
    assert abs(ours["pr_auc"] - theirs.average_precision_score(truth, score)) <= bound
    assert ours["brier"] == pytest.approx(theirs.brier_score_loss(truth, score))  # from moments: exact


def calibration_error(outcome: np.ndarray, score: np.ndarray) -> float:
    """Return the expected calibration error over ten even bins (low, high], row by row, as Guo et al. (2017) define it."""
    place = np.clip(np.ceil(np.round(score * 10, 9)).astype(int) - 1, 0, 9)
    gaps = [abs(outcome[place == k].sum() - score[place == k].sum()) for k in range(10)]
    return float(np.sum(gaps) / len(score))


@pytest.mark.parametrize("seed", SEEDS)
def test_calibration_is_the_definitions_within_half_a_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.random(4000)
    truth = rng.random(4000) < score**1.5
    columns = class_outcomes(np.where(score > 0.5, "yes", "no"), np.where(truth, "yes", "no"), score)
    assert abs(measured("binary", columns)["ece"] - calibration_error(truth, score)) <= 0.01
    curve = calibration_curve(binary_split(profile_of(layout_of(columns), columns)))
    counts, edges = np.histogram(score, bins=10, range=(0, 1))
    assert curve.rows.tolist() == counts.tolist()
    assert curve.lower.tolist() == pytest.approx(edges[:-1].tolist())
    observed, _ = theirs_curve(truth, score)
    assert (curve.hits / curve.rows).tolist() == pytest.approx(observed.tolist())


def theirs_curve(truth: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.calibration import calibration_curve as curve

    return curve(truth, score, n_bins=10)


# -- several classes with scores ---------------------------------------------------------------------------------------
def drawn(seed: int, n: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, predictions and scores, each a multiple of 0.02 so that it has a cell of its own."""
    rng = np.random.default_rng(seed)
    label = rng.choice(len(CLASSES), n, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    chances = np.full((n, len(CLASSES)), 0.12)
    chances[np.arange(n), label] += 0.4
    scores = np.stack([rng.multinomial(50, row / row.sum()) for row in chances]) / 50
    names = np.asarray(CLASSES)
    return names[label], names[scores[:, :-1].argmax(axis=1)], scores


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore::UserWarning:sklearn")
def test_several_classes(seed: int) -> None:
    label, guess, scores = drawn(seed)
    ours = measured("multiclass", scored_outcomes(guess, label, scores, CLASSES))
    aims = label[:, None] == np.asarray(CLASSES)
    expected = of_classes(label, guess)
    expected |= {name: expected[f"{name}_macro"] for name in ("precision", "recall", "f1")}
    expected |= {
        "brier": theirs.brier_score_loss(label, scores, labels=list(CLASSES), scale_by_half=False),
        "log_loss": theirs.log_loss(label, scores, labels=list(CLASSES)),
        "roc_auc_ovr": theirs.roc_auc_score(label, scores, multi_class="ovr", average="macro"),
        "roc_auc_ovr_weighted": theirs.roc_auc_score(label, scores, multi_class="ovr", average="weighted"),
        "pr_auc_ovr": theirs.average_precision_score(aims, scores, average="macro"),
    }
    for k in (2, 3, 5):
        expected[f"top_{k}_accuracy"] = theirs.top_k_accuracy_score(label, scores, k=k, labels=list(CLASSES))
    assert ours.keys() - expected.keys() == {"ece"}
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value), name
    assert abs(ours["ece"] - calibration_error(label == guess, scores.max(axis=1))) <= 0.01 + 1e-9


def test_every_metric_is_compared() -> None:
    """A metric without a line above would be compared with nothing."""
    label, guess, scores = drawn(0, 60)
    compared = REGRESSION.keys() | {"median_absolute_error", "ece"}
    compared |= measured("multiclass", scored_outcomes(guess, label, scores, CLASSES)).keys()
    compared |= {"specificity", "positive_share", "roc_auc", "pr_auc"}
    own = {name for name, check in every_metric().items() if check.kinds & {"regression", "binary", "multiclass"}}
    assert own == compared


def test_the_confusion_matrix_is_scikit_learns() -> None:
    label, guess, scores = drawn(3)
    columns = scored_outcomes(guess, label, scores, CLASSES)
    classes, counts = confusion_counts(profile_of(layout_of(columns), columns))
    assert classes == CLASSES
    assert counts.tolist() == theirs.confusion_matrix(label, guess, labels=list(CLASSES)).tolist()


# -- on cells frozen from other rows, and merged -----------------------------------------------------------------------
def test_windows_merge_to_the_metric_of_all_their_rows_on_cells_of_other_rows() -> None:
    windows = [scored_outcomes(guess, label, scores, CLASSES) for label, guess, scores in map(drawn, range(3))]
    label, guess, scores = drawn(9)
    layout = layout_of(scored_outcomes(guess, label, scores, CLASSES))
    merged = Profile(
        layout,
        np.stack([profile_of(layout, window).counts for window in windows]),
        np.stack([profile_of(layout, window).moments for window in windows]),
    ).total()
    spec, rows = spec_of("multiclass"), together(windows)
    for name, check in metric_checks(spec, layout).items():
        whole = float(metric_values(spec, check, profile_of(layout, rows)))
        assert float(metric_values(spec, check, merged)) == pytest.approx(whole, rel=1e-9), name
