"""Our numbers beside SciPy's and scikit-learn's, on values few enough to have a cell each: there the profile loses nothing."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics

from monitors.metrics._confusion import confusion_counts
from monitors.registry import column_checks, column_values, metric_values, performance_checks
from tests.support.profiles import class_outcomes, layout_of, profile_of, regression_outcomes, spec_of

SEEDS = range(5)


def value(check: str, reference, current) -> float:
    layout = layout_of({"x": reference})
    base, now = (profile_of(layout, {"x": part}) for part in (reference, current))
    return float(column_values(column_checks()[check], base.column("x"), now[None].column("x"))[0])


def few_valued(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference = np.concatenate([np.arange(20.0), rng.binomial(19, 0.4, 400)])
    return reference, rng.binomial(19, 0.5, 300).astype(float)


def shares(reference, current) -> tuple[np.ndarray, np.ndarray]:
    levels = np.unique(np.concatenate([reference, current]))
    p, q = (np.asarray([(part == level).mean() for level in levels]) for part in (reference, current))
    return p, q


@pytest.mark.parametrize("seed", SEEDS)
def test_jensen_shannon_is_scipys(seed: int) -> None:
    reference, current = few_valued(seed)
    assert value("jensen_shannon", reference, current) == pytest.approx(
        jensenshannon(*shares(reference, current), base=2)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_kolmogorov_smirnov_is_scipys(seed: int) -> None:
    reference, current = few_valued(seed)
    assert value("kolmogorov_smirnov", reference, current) == pytest.approx(
        stats.ks_2samp(reference, current).statistic
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_binned_kolmogorov_smirnov_keeps_its_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, current = rng.normal(0, 1, 3000), rng.normal(0.2, 1, 500)
    ours, exact = value("kolmogorov_smirnov", reference, current), stats.ks_2samp(reference, current).statistic
    layout = layout_of({"x": reference})
    cells = [profile_of(layout, {"x": part}).column("x").cells / len(part) for part in (reference, current)]
    assert ours <= exact + 1e-12
    assert exact - ours <= max(part.max() for part in cells)


@pytest.mark.parametrize("seed", SEEDS)
def test_wasserstein_is_scipys_over_the_references_deviation(seed: int) -> None:
    reference, current = few_valued(seed)
    exact = stats.wasserstein_distance(reference, current) / reference.std(ddof=1)
    assert value("wasserstein", reference, current) == pytest.approx(exact)


@pytest.mark.parametrize("seed", SEEDS)
def test_wasserstein_of_continuous_values_is_close(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, current = rng.normal(50, 10, 4000), rng.normal(56, 12, 1500)
    exact = stats.wasserstein_distance(reference, current) / reference.std(ddof=1)
    assert value("wasserstein", reference, current) == pytest.approx(exact, rel=0.06)


@pytest.mark.parametrize("seed", SEEDS)
def test_chi_square_is_scipys_where_every_cell_is_large(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, current = rng.choice(list("abcd"), 800), rng.choice(list("abcd"), 200, p=[0.4, 0.2, 0.2, 0.2])
    table = [[(part == level).sum() for level in "abcd"] for part in (reference, current)]
    assert value("chi_square", reference, current) == pytest.approx(
        stats.chi2_contingency(table, correction=False).statistic
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_psi_is_its_formula_with_half_a_row_added(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, current = rng.choice(list("abc"), 500), rng.choice(list("abc"), 90, p=[0.6, 0.3, 0.1])
    p, q = ([((part == level).sum() + 0.5) / (len(part) + 1.5) for level in "abc"] for part in (reference, current))
    formula = stats.entropy(p, q) + stats.entropy(q, p)
    assert value("psi", reference, current) == pytest.approx(formula)


def measured(task: str, columns, positive: str | None = None) -> dict[str, float]:
    layout = layout_of(columns)
    spec = spec_of(task, positive=positive)
    profile = profile_of(layout, columns)
    return {n: float(metric_values(spec, check, profile)) for n, check in performance_checks(spec, layout).items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_regression_metrics_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = rng.normal(150, 60, 700)
    guess = label + rng.normal(3, 12, 700)
    ours = measured("regression", regression_outcomes(guess, label))
    assert ours["mae"] == pytest.approx(metrics.mean_absolute_error(label, guess))
    assert ours["rmse"] == pytest.approx(metrics.root_mean_squared_error(label, guess))
    assert ours["bias"] == pytest.approx((guess - label).mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_binary_metrics_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = np.where(rng.random(600) < 0.3, "yes", "no")
    score = np.clip(np.round(0.3 + 0.3 * (label == "yes") + rng.normal(0, 0.2, 600), 2), 0.02, 1.0)
    score = np.round(score * 50) / 50  # a cell each, so the binned area is exact
    guess = np.where(score > 0.5, "yes", "no")
    ours = measured("binary", class_outcomes(guess, label, score), positive="yes")
    truth = label == "yes"
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(label, guess))
    assert ours["precision"] == pytest.approx(metrics.precision_score(label, guess, pos_label="yes"))
    assert ours["recall"] == pytest.approx(metrics.recall_score(label, guess, pos_label="yes"))
    assert ours["f1"] == pytest.approx(metrics.f1_score(label, guess, pos_label="yes"))
    assert ours["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, score))
    assert ours["log_loss"] == pytest.approx(metrics.log_loss(truth, np.clip(score, 1e-15, 1 - 1e-15)))


@pytest.mark.parametrize("seed", SEEDS)
def test_multiclass_metrics_are_scikit_learns_macro_averages(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = rng.choice(["a", "b", "c → d", "never guessed"], 500)
    guess = np.where(rng.random(500) < 0.7, label, "a")
    guess = np.where(guess == "never guessed", "b", guess)
    ours = measured("multiclass", class_outcomes(guess, label))
    for name, function in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        assert ours[name] == pytest.approx(function(label, guess, average="macro", zero_division=0)), name
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(label, guess))


def test_the_confusion_matrix_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    label, guess = rng.choice(["a", "b → b", "c"], 300), rng.choice(["a", "b → b", "c"], 300)
    columns = class_outcomes(guess, label)
    classes, counts = confusion_counts(profile_of(layout_of(columns), columns))
    assert classes == ("a", "b → b", "c")
    assert counts.tolist() == metrics.confusion_matrix(label, guess, labels=list(classes)).tolist()
