"""Checks on small cases that can be worked out by hand, and the bounds of what profiles leave out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from monitors.check_list import documentation
from monitors.checks._cells import merge_each, merge_groups, two_sample_chi_square
from monitors.checks.kolmogorov_smirnov import largest_gap
from monitors.registry import column_checks, column_values, metric_values, performance_checks, positive_class
from tests.support.profiles import class_outcomes, layout_of, profile_of, spec_of


def value(check: str, reference, current) -> float:
    layout = layout_of({"x": reference})
    base, now = (profile_of(layout, {"x": part}) for part in (reference, current))
    return float(column_values(column_checks()[check], base.column("x"), now[None].column("x"))[0])


def rows(check: str, reference, current) -> float:
    function = column_checks()[check].row_function
    assert function is not None
    return function(np.sort(reference), np.sort(current))[0]


def test_disjoint_categories_are_at_distance_one() -> None:
    assert value("jensen_shannon", ["a", "a"], ["b", "c"]) == pytest.approx(1)


def test_half_overlap_has_the_distance_of_the_formula() -> None:
    # shares (1, 0) against (1/2, 1/2): H(3/4, 1/4) - 1/2 bit
    divergence = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)) - 0.5
    assert value("jensen_shannon", ["a"] * 4, ["a", "a", "b", "b"]) == pytest.approx(np.sqrt(divergence))


def test_psi_of_an_empty_cell_is_finite_and_bounded_by_half_a_row() -> None:
    assert 0 < value("psi", ["a"] * 99 + ["b"], ["a"] * 100) < 0.05


def test_missing_values_change_only_the_missing_share() -> None:
    reference, current = np.arange(100.0), np.where(np.arange(100) % 5 == 0, np.nan, np.arange(100.0))
    assert value("missing_share", reference, current) == pytest.approx(0.2)
    assert value("wasserstein", reference, current) < 0.03


def test_nan_and_infinity_count_as_missing() -> None:
    assert value("missing_share", [1.0, 2.0], [1.0, np.nan, np.inf, -np.inf]) == pytest.approx(0.75)


def test_unseen_counts_new_categories_among_values_only() -> None:
    assert value("unseen_share", ["a", "b"], ["a", "b", "new", ""]) == pytest.approx(1 / 3)


def test_out_of_range_counts_both_ends() -> None:
    assert value("out_of_range_share", [1.0, 5.0], [0.0, 1.0, 3.0, 5.0, 6.0, 7.0]) == pytest.approx(0.5)


def test_a_shift_beyond_the_range_shows_in_wasserstein() -> None:
    reference = np.arange(11.0)
    near, far = (value("wasserstein", reference, reference + shift) for shift in (20.0, 2000.0))
    assert far > 50 * near


def test_merging_fills_every_group_and_gives_the_rest_to_the_last() -> None:
    expected = np.asarray([[6.0, 2.0, 2.0, 2.0, 9.0, 1.0], [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]])
    assert merge_groups(expected, np.full(2, 5.0)).tolist() == [[0, 1, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0]]


def test_chi_square_merges_rare_categories_and_counts_its_freedom() -> None:
    reference, current = np.asarray([500, 400, 3, 2, 1, 1]), np.asarray([50, 40, 1, 0, 0, 0])
    statistic, freedom = two_sample_chi_square(reference, current, nominal=True)
    assert freedom == 1
    assert statistic < 1


def test_chi_square_does_not_take_the_reference_as_exact() -> None:
    # 500 against 500 rows of five categories, no drift: a goodness-of-fit test would flag about a third at 5 %
    rng = np.random.default_rng(0)
    shares = np.asarray([rng.multinomial(500, [0.2] * 5) for _ in range(4000)])
    statistic, _ = two_sample_chi_square(shares[:2000], shares[2000:], nominal=True)
    assert (statistic > 9.488).mean() == pytest.approx(0.05, abs=0.015)


# -- how far profiles may be from rows -----------------------------------------------------------------------------------
SIZES = st.integers(60, 400)
SEED = st.integers(0, 2**32 - 1)


def samples(seed: int, n: int, m: int, shift: float, shape: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    draw: dict[str, Callable[[int], np.ndarray]] = {
        "normal": lambda k: rng.normal(0, 1, k),
        "lognormal": lambda k: rng.lognormal(0, 1.5, k),
        "t2": lambda k: rng.standard_t(2, k),
    }
    if shape == "lumps":
        return rng.normal(0, 1, n).round(1), (rng.normal(shift, 1, m) * 4).round() / 4
    return draw[shape](n), draw[shape](m) + shift


each_shape = {
    "seed": SEED,
    "n": SIZES,
    "m": SIZES,
    "shift": st.floats(-5, 5),
    "shape": st.sampled_from(["normal", "lognormal", "t2", "lumps"]),
}


def cells_of(reference, current) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return widths of the cells, up to the outermost values, and both sides' shares in them."""
    layout = layout_of({"x": reference})
    base, now = (profile_of(layout, {"x": part}).column("x") for part in (reference, current))
    both = np.concatenate([reference, current])
    edges = layout.entry("x").bins.edges
    bounds = np.asarray([min(both.min(), edges[0]), *edges, max(both.max(), edges[-1])])
    return np.diff(bounds), base.cells / len(reference), now.cells / len(current)


@given(**each_shape)
@settings(max_examples=60, deadline=None)
def test_binned_kolmogorov_smirnov_is_below_the_exact_by_at_most_the_largest_cell(seed, n, m, shift, shape) -> None:
    reference, current = samples(seed, n, m, shift, shape)
    binned, exact = value("kolmogorov_smirnov", reference, current), rows("kolmogorov_smirnov", reference, current)
    _, p, q = cells_of(reference, current)
    assert -1e-12 <= exact - binned <= max(p.max(), q.max()) + 1e-12


@given(**each_shape)
@settings(max_examples=60, deadline=None)
def test_binned_wasserstein_is_off_by_at_most_half_the_widths_times_the_shares(seed, n, m, shift, shape) -> None:
    reference, current = samples(seed, n, m, shift, shape)
    widths, p, q = cells_of(reference, current)
    bound = (widths * (p + q)).sum() / 2 / reference.std(ddof=1)
    gap = value("wasserstein", reference, current) - rows("wasserstein", reference, current)
    assert abs(gap) <= bound + 1e-9


@given(**each_shape)
@settings(max_examples=60, deadline=None)
def test_binned_energy_distance_keeps_its_bound(seed, n, m, shift, shape) -> None:
    reference, current = samples(seed, n, m, shift, shape)
    widths, p, q = cells_of(reference, current)
    bound = np.sqrt(2 / 3 * (widths * p**2).sum()) + np.sqrt(2 / 3 * (widths * q**2).sum())
    assert abs(value("energy", reference, current) - rows("energy", reference, current)) <= bound + 1e-9


@given(**each_shape)
@settings(max_examples=60, deadline=None)
def test_binned_mann_whitney_is_off_by_at_most_half_the_pairs_within_cells(seed, n, m, shift, shape) -> None:
    reference, current = samples(seed, n, m, shift, shape)
    _, p, q = cells_of(reference, current)
    gap = value("mann_whitney", reference, current) - rows("mann_whitney", reference, current)
    assert abs(gap) <= (p * q).sum() / 2 + 1e-12


@pytest.mark.parametrize("check", ["cramer_von_mises", "anderson_darling"])
def test_binned_rank_statistics_are_close_where_they_are_beyond_chance(check: str) -> None:
    for seed in range(5):
        reference, current = samples(seed, 5000, 1500, 0.3, "normal")
        assert value(check, reference, current) == pytest.approx(rows(check, reference, current), rel=0.08)


@given(seed=SEED, n=st.integers(1, 40), m=st.integers(1, 40), values=st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_the_largest_gap_is_found_whatever_the_ties(seed, n, m, values) -> None:
    rng = np.random.default_rng(seed)
    reference, current = np.sort(rng.integers(0, values, n) / 7), np.sort(rng.integers(0, values, m) / 7)
    every = np.unique(np.concatenate([reference, current]))
    steps = [np.searchsorted(part, every, side="right") / len(part) for part in (reference, current)]
    assert largest_gap(reference, current) == pytest.approx(np.abs(steps[0] - steps[1]).max(), abs=1e-15)


def test_the_largest_gap_of_many_values_is_found_between_the_steps_of_the_grid() -> None:
    rng = np.random.default_rng(5)
    for shift in (0.0, 0.001, 0.5):
        reference, current = np.sort(rng.normal(0, 1, 50_000)), np.sort(rng.normal(shift, 1, 70_001))
        theirs = stats.ks_2samp(reference, current, method="asymp").statistic
        assert largest_gap(reference, current) == pytest.approx(theirs, abs=1e-15)


# -- how tests are read -------------------------------------------------------------------------------------------------


def test_directions_are_positive_where_current_values_are_larger() -> None:
    reference = np.arange(200.0)
    assert value("t_test", reference, reference + 10) > 0 > value("t_test", reference, reference - 10)
    assert value("mann_whitney", reference, reference + 10) > 0.5 > value("mann_whitney", reference, reference - 10)


def test_without_variation_there_is_no_t() -> None:
    assert np.isnan(value("t_test", [3.0] * 20, [4.0] * 20))


def test_new_categories_leave_the_kullback_leibler_divergence_and_vanished_ones_make_it_large_but_finite() -> None:
    vanished = value("kl_divergence", ["a"] * 50 + ["b"] * 50, ["a"] * 100)
    assert vanished == pytest.approx(0.5 * np.log(0.5 / (100 / 100.5)) + 0.5 * np.log(0.5 / (0.5 / 100.5)))
    new = value("kl_divergence", ["a"] * 100, ["a"] * 50 + ["b"] * 50)
    assert new == pytest.approx(np.log(2))


def test_rare_categories_do_not_carry_the_z_test() -> None:
    common = ["a"] * 1000 + ["b"] * 1000 + ["c"] * 10
    assert value("z_test", common, ["a"] * 100 + ["b"] * 100 + ["d"] * 2) < 1


def test_the_table_of_the_docs_is_what_the_files_say() -> None:
    page = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
    assert documentation() in page, "run `python -m monitors.check_list` and put its table into docs/checks.md"
    for name in column_checks():
        assert page.count(f"`{name}`") > 1, f"{name}: how it is computed stands in the docs as well"


def test_the_positive_class_is_the_declared_one_else_the_last_by_name() -> None:
    layout = layout_of(class_outcomes(["no", "yes"], ["yes", "no"]))
    assert positive_class(spec_of("binary", positive="no"), layout) == "no"
    assert positive_class(spec_of("binary"), layout) == "yes"
    assert positive_class(spec_of("multiclass"), layout) is None


def test_metrics_that_need_scores_are_left_out_without_them() -> None:
    layout = layout_of(class_outcomes(["no", "yes"], ["yes", "no"]))
    assert set(performance_checks(spec_of("binary"), layout)) == {"accuracy", "precision", "recall", "f1"}


def test_a_class_without_rows_leaves_the_area_unsaid() -> None:
    columns = class_outcomes(["yes"] * 3, ["yes"] * 3, [0.7, 0.8, 0.9])
    spec = spec_of("binary", positive="yes")
    layout = layout_of(class_outcomes(["yes", "no"], ["yes", "no"], [0.9, 0.1]))
    area = metric_values(spec, performance_checks(spec, layout)["roc_auc"], profile_of(layout, columns))
    assert np.isnan(area)


def test_cells_of_several_columns_merge_as_those_of_each() -> None:
    draw = np.random.default_rng(3)
    expected = [draw.gamma(1, 3, (7, cells)) for cells in (4, 19, 1, 11)]
    least = [np.full(7, 5.0), np.full(7, 2.0), np.full(7, 5.0), draw.uniform(1, 9, 7)]
    together = merge_each(expected, least)
    for own, few, found in zip(expected, least, together, strict=True):
        for window in range(7):
            current, held, groups = 0, 0.0, []
            for more in own[window]:
                groups.append(current)
                held += more
                if held >= few[window]:
                    current, held = current + 1, 0.0
            assert found[window].tolist() == [min(group, max(current - 1, 0)) for group in groups]
