"""Our checks beside Evidently's drift methods, where the definition is the same; docs/checks.md says where it is not."""

import importlib

import numpy as np
import pandas as pd
import pytest

from monitors.registry import column_checks, column_values
from tests.support.profiles import layout_of, profile_of

SEEDS = range(3)
pytestmark = [
    pytest.mark.slow,  # Evidently takes seconds to import
    pytest.mark.filterwarnings("ignore::UserWarning"),  # SciPy's, of the ends of a table
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


def evidently(name: str, reference, current, kind: str) -> float:
    """Return the score of a drift method, named as its module and what it defines."""
    from evidently.legacy.core import ColumnType

    module, method = name.split(".")
    found = getattr(importlib.import_module(f"evidently.legacy.calculations.stattests.{module}"), method)
    column_type = ColumnType.Numerical if kind == "num" else ColumnType.Categorical
    return float(found(pd.Series(reference), pd.Series(current), column_type, 0.1).drift_score)


def ours(check: str, reference, current, function: str = "column_function") -> float:
    layout = layout_of({"x": reference})
    base, now = (profile_of(layout, {"x": part}) for part in (reference, current))
    if function == "column_function":
        return float(column_values(column_checks()[check], base.column("x"), now[None].column("x"))[0])
    return float(getattr(column_checks()[check], function)(base.column("x"), now[None].column("x"))[0])


def exact(check: str, reference, current) -> tuple[float, float]:
    function = column_checks()[check].row_function
    assert function is not None
    return function(np.sort(reference), np.sort(current))


def numbers(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(5, 2, 1500), rng.normal(5.1, 2, 900)


def categories(seed: int, levels: str = "abcd") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    names = np.asarray(list(levels))
    return np.append(rng.choice(names, 500), names), np.append(rng.choice(names, 500), names)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("method", "check"),
    [
        ("ks_stattest.ks_stat_test", "kolmogorov_smirnov"),
        ("anderson_darling_stattest.anderson_darling_test", "anderson_darling"),
        ("cramer_von_mises_stattest.cramer_von_mises", "cramer_von_mises"),
    ],
)
def test_p_values_of_numbers_are_evidentlys(method: str, check: str, seed: int) -> None:
    reference, current = numbers(seed)
    theirs = evidently(method, reference, current, "num")
    assert exact(check, reference, current)[1] == pytest.approx(theirs, rel=1e-6, abs=2e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_of_numbers_are_evidentlys(seed: int) -> None:
    reference, current = numbers(seed)
    assert exact("energy", reference, current)[0] == pytest.approx(
        evidently("energy_distance.energy_dist_test", reference, current, "num")
    )
    # theirs is over the population's standard deviation, ours over the sample's
    theirs = evidently("wasserstein_distance_norm.wasserstein_stat_test", reference, current, "num")
    ratio = reference.std(ddof=0) / reference.std(ddof=1)
    assert exact("wasserstein", reference, current)[0] == pytest.approx(theirs * ratio)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_two_sided_mann_whitney_is_twice_evidentlys_one_sided_where_values_rise(seed: int) -> None:
    reference, current = numbers(seed)
    theirs = evidently("mann_whitney_urank_stattest.mann_whitney_u_stat_test", reference, current, "num")
    assert exact("mann_whitney", reference, current)[1] == pytest.approx(2 * min(theirs, 1 - theirs), rel=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_of_categories_are_evidentlys(seed: int) -> None:
    reference, current = categories(seed)
    assert ours("hellinger", reference, current) == pytest.approx(
        evidently("hellinger_distance.hellinger_stat_test", reference, current, "cat")
    )
    assert ours("kl_divergence", reference, current) == pytest.approx(
        evidently("kl_div.kl_div_stat_test", reference, current, "cat")
    )
    # theirs is in natural logarithms
    theirs = evidently("jensenshannon.jensenshannon_stat_test", reference, current, "cat")
    assert ours("jensen_shannon", reference, current) == pytest.approx(theirs / np.sqrt(np.log(2)))
    # ours adds half a row to each cell
    assert ours("psi", reference, current) == pytest.approx(
        evidently("psi.psi_stat_test", reference, current, "cat"), rel=0.02
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_tests_of_two_categories_are_evidentlys(seed: int) -> None:
    reference, current = categories(seed, "ab")
    assert ours("z_test", reference, current, "p_function") == pytest.approx(
        evidently("z_stattest.z_stat_test", reference, current, "cat")
    )
    assert ours("fisher_exact", reference, current) == pytest.approx(
        evidently("fisher_exact_stattest.fisher_exact_test", reference, current, "cat")
    )


def test_evidentlys_chi_square_takes_the_reference_as_exact_and_ours_does_not() -> None:
    reference, current = categories(0)
    two_sample = ours("chi_square", reference, current, "p_function")
    goodness_of_fit = evidently("chisquare_stattest.chi_stat_test", reference, current, "cat")
    assert goodness_of_fit < two_sample
