"""Checks on small cases that can be worked out by hand."""

import numpy as np
import pytest

from monitors.checks._cells import merge_groups, two_sample_chi_square
from monitors.registry import column_checks, column_values, metric_values, performance_checks, positive_class
from tests.support.profiles import class_outcomes, layout_of, profile_of, spec_of


def value(check: str, reference, current) -> float:
    layout = layout_of({"x": reference})
    base, now = (profile_of(layout, {"x": part}) for part in (reference, current))
    return float(column_values(column_checks()[check], base.column("x"), now[None].column("x"))[0])


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
