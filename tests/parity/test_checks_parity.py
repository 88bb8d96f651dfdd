"""Our numbers beside SciPy's and scikit-learn's, on values few enough to have a cell each: there the profile loses nothing."""

import warnings
from typing import Literal

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance
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


def about(check: str, function: str, reference, current) -> float:
    """Return a check's p-value or level from profiles."""
    layout = layout_of({"x": reference})
    base, now = (profile_of(layout, {"x": part}) for part in (reference, current))
    found = getattr(column_checks()[check], function)
    return float(found(base.column("x"), now[None].column("x"))[0])


def rows(check: str, reference, current) -> tuple[float, float]:
    function = column_checks()[check].row_function
    assert function is not None
    return function(np.sort(reference), np.sort(current))


def continuous(seed: int, *, decimals: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(30, 4000, 2)
    return rng.normal(0, 1, n).round(decimals), rng.normal(0.1 * seed, 1.2, m).round(decimals)


def categories(seed: int, levels: str = "abcd") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    names = np.asarray(list(levels))
    return np.append(rng.choice(names, 800), names), np.append(rng.choice(names, 300), names)


SAMPLES = [(seed, decimals) for seed in SEEDS for decimals in (12, 1)]
each_sample = pytest.mark.parametrize(("seed", "decimals"), SAMPLES)


@each_sample
def test_rows_are_scipys_kolmogorov_smirnov(seed: int, decimals: int) -> None:
    reference, current = continuous(seed, decimals=decimals)
    gap, p = rows("kolmogorov_smirnov", reference, current)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it takes the limit where counting overflows
        theirs = stats.ks_2samp(reference, current)
    assert gap == pytest.approx(theirs.statistic, rel=1e-12)
    assert p == pytest.approx(theirs.pvalue, rel=1e-9)


def test_large_samples_are_scipys_kolmogorov_smirnov_but_for_the_limit() -> None:
    rng = np.random.default_rng(0)
    reference, current = rng.normal(0, 1, 30_000), rng.normal(0.012, 1, 40_000)
    gap, p = rows("kolmogorov_smirnov", reference, current)
    theirs = stats.ks_2samp(reference, current, method="asymp")
    assert gap == pytest.approx(theirs.statistic, rel=1e-12)
    assert p == pytest.approx(theirs.pvalue, rel=2e-3)


@each_sample
def test_rows_are_scipys_wasserstein_and_energy_distance(seed: int, decimals: int) -> None:
    reference, current = continuous(seed, decimals=decimals)
    for left, right in [(reference, current), (reference[:30], current[:30])]:
        normed = stats.wasserstein_distance(left, right) / left.std(ddof=1)
        assert rows("wasserstein", left, right)[0] == pytest.approx(normed, rel=1e-9)
        assert rows("energy", left, right)[0] == pytest.approx(stats.energy_distance(left, right), rel=1e-9)


@each_sample
def test_rows_are_scipys_cramer_von_mises(seed: int, decimals: int) -> None:
    for reference, current in [continuous(seed, decimals=decimals), continuous(seed, decimals=12)]:
        statistic, p = rows("cramer_von_mises", reference, current)
        theirs = stats.cramervonmises_2samp(reference, current)
        assert statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert p == pytest.approx(theirs.pvalue, abs=2e-7)  # theirs stops at terms of 1e-7
    few = stats.cramervonmises_2samp(reference[:15], current[:20])
    assert rows("cramer_von_mises", reference[:15], current[:20]) == pytest.approx((few.statistic, few.pvalue))


def test_small_p_values_of_cramer_von_mises_are_scipys_to_the_end_of_its_digits_and_fall_on_beyond() -> None:
    values = np.arange(2000) / 2000
    for shift in (0.04, 0.05, 0.06):
        theirs = stats.cramervonmises_2samp(values, values + shift).pvalue
        assert rows("cramer_von_mises", values, values + shift)[1] == pytest.approx(theirs, rel=0.02)
    # SciPy's rises again from a statistic of about 6 on
    beyond = [rows("cramer_von_mises", values, values + shift)[1] for shift in (0.06, 0.07, 0.08, 0.1, 0.2, 0.3)]
    assert beyond == sorted(beyond, reverse=True)
    assert 0 < beyond[-1] < 1e-50


def test_ties_in_samples_of_two_sizes_do_not_make_cramer_von_mises_significant() -> None:
    # SciPy's midranks give p = 0 for most of these pairs of samples of one source
    rng = np.random.default_rng(1)
    pairs = [(rng.integers(0, 5, 3000).astype(float), rng.integers(0, 5, 100).astype(float)) for _ in range(200)]
    ours = np.asarray([rows("cramer_von_mises", *pair)[1] for pair in pairs])
    theirs = np.asarray([stats.cramervonmises_2samp(*pair).pvalue for pair in pairs])
    assert (ours < 0.05).mean() < 0.1
    assert (theirs < 0.05).mean() > 0.5


@each_sample
def test_rows_are_scipys_anderson_darling(seed: int, decimals: int) -> None:
    reference, current = continuous(seed, decimals=decimals)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the ends of its table
        theirs = stats.anderson_ksamp([reference, current], variant="midrank")
    assert rows("anderson_darling", reference, current) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-8)


@each_sample
def test_rows_are_scipys_mann_whitney(seed: int, decimals: int) -> None:
    reference, current = continuous(seed, decimals=decimals)
    for left, right in [(reference, current), (reference[:7], current[:12])]:
        theirs = stats.mannwhitneyu(right, left)
        share, p = rows("mann_whitney", left, right)
        assert share * len(left) * len(right) == pytest.approx(theirs.statistic, rel=1e-12)
        assert p == pytest.approx(theirs.pvalue, rel=1e-9)


@each_sample
def test_profiles_are_scipys_welch_test(seed: int, decimals: int) -> None:
    reference, current = continuous(seed, decimals=decimals)
    theirs = stats.ttest_ind(current, reference, equal_var=False)
    assert value("t_test", reference, current) == pytest.approx(theirs.statistic, rel=1e-9)
    assert about("t_test", "p_function", reference, current) == pytest.approx(theirs.pvalue, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_few_values_give_scipys_rank_tests_from_profiles(seed: int) -> None:
    reference, current = few_valued(seed)
    pair = stats.mannwhitneyu(current, reference)
    assert about("mann_whitney", "p_function", reference, current) == pytest.approx(pair.pvalue, rel=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        theirs = stats.anderson_ksamp([reference, current], variant="midrank")
    assert value("anderson_darling", reference, current) == pytest.approx(theirs.statistic, rel=1e-9)
    assert about("anderson_darling", "p_function", reference, current) == pytest.approx(theirs.pvalue, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_shares_of_categories_are_scipys(seed: int) -> None:
    reference, current = categories(seed)
    p, q = shares(reference, current)
    assert value("jensen_shannon", reference, current) == pytest.approx(jensenshannon(p, q, base=2))
    assert value("kl_divergence", reference, current) == pytest.approx(stats.entropy(p, q))
    assert value("total_variation", reference, current) == pytest.approx(distance.cityblock(p, q) / 2)
    assert value("l_infinity", reference, current) == pytest.approx(distance.chebyshev(p, q))
    assert value("hellinger", reference, current) == pytest.approx(
        distance.euclidean(np.sqrt(p), np.sqrt(q)) / np.sqrt(2)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_of_categories_are_scipys(seed: int) -> None:
    reference, current = categories(seed)
    table = np.asarray([[(part == level).sum() for level in "abcd"] for part in (reference, current)])
    methods: tuple[tuple[str, Literal["pearson", "log-likelihood"]], ...] = (
        ("chi_square", "pearson"),
        ("g_test", "log-likelihood"),
    )
    for check, method in methods:
        theirs = stats.chi2_contingency(table, correction=False, lambda_=method)
        assert value(check, reference, current) == pytest.approx(theirs.statistic)
        assert about(check, "p_function", reference, current) == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_categories_are_scipys_fisher_and_the_root_of_chi_square(seed: int) -> None:
    reference, current = categories(seed, "ab")
    table = np.asarray([[(part == level).sum() for level in "ab"] for part in (reference, current)])
    assert value("fisher_exact", reference, current) == pytest.approx(stats.fisher_exact(table).pvalue)
    theirs = stats.chi2_contingency(table, correction=False)
    assert value("z_test", reference, current) ** 2 == pytest.approx(theirs.statistic)
    assert about("z_test", "p_function", reference, current) == pytest.approx(theirs.pvalue)


def test_fisher_beyond_two_categories_is_the_foremost_against_the_rest_times_their_number() -> None:
    reference, current = np.repeat(list("abc"), [50, 30, 20]), np.repeat(list("abc"), [20, 15, 25])
    p = stats.fisher_exact(np.asarray([[20, 80], [25, 35]])).pvalue
    assert value("fisher_exact", reference, current) == pytest.approx(3 * p)


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
