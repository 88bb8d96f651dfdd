"""What every check and every metric must keep to, whoever wrote it: all files in both folders are tested unasked."""

from pathlib import Path

import numpy as np
import pytest

from monitors.registry import (
    column_checks,
    column_values,
    headline_check,
    metric_checks,
    metric_errors,
    metric_intervals,
    metric_values,
)
from monitors.types import Check
from reference_data.plugins import discover
from reference_data.profile import LISTS, merge
from reference_data.schema import TASKS
from tests.support.profiles import (
    class_outcomes,
    layout_of,
    profile_of,
    profiles_of,
    regression_outcomes,
    scored_outcomes,
    spec_of,
    together,
)

RNG = np.random.default_rng(7)
COLUMN_CHECKS = discover("monitors.checks", "CHECK")
METRICS = discover("monitors.metrics", "CHECK")
EVERY = [*COLUMN_CHECKS.values(), *METRICS.values()]
DISTANCES = [
    *("jensen_shannon", "psi", "kolmogorov_smirnov", "chi_square", "wasserstein", "energy", "g_test", "hellinger"),
    *("kl_divergence", "l_infinity", "total_variation"),
]
#: What becomes of a value when reference and current change sides.
SWAPPED = {
    **dict.fromkeys(DISTANCES, lambda value: value),
    **dict.fromkeys(["anderson_darling", "cramer_von_mises", "fisher_exact", "z_test"], lambda value: value),
    "mann_whitney": lambda value: 1 - value,
    "t_test": lambda value: -value,
}
del SWAPPED["kl_divergence"], SWAPPED["wasserstein"]  # in units of the reference
UNITS = {"distance", "share", "nats", "statistic", "probability", "reference standard deviations"} | {
    "root of the column's unit",
    "categories",
    "flag",
}


def column(kind: str, n: int, shift: float = 0.0) -> np.ndarray:
    if kind == "ordered":
        return np.where(RNG.random(n) < 0.1, np.nan, RNG.normal(shift, 1, n))
    return RNG.choice(["a", "b", "c", ""], n, p=[0.5 - shift / 10, 0.3, 0.1 + shift / 10, 0.1])


def pairs() -> list[tuple[Check, str]]:
    return [(check, kind) for check in COLUMN_CHECKS.values() for kind in sorted(check.kinds)]


each_pair = pytest.mark.parametrize(("check", "kind"), pairs(), ids=lambda value: getattr(value, "name", value))


def outcomes_of(task: str, n: int) -> dict[str, np.ndarray]:
    if task == "regression":
        label = RNG.normal(100, 20, n)
        return regression_outcomes(label + RNG.normal(1, 8, n), label)
    if task == "ranking":  # of each row, or of the one row that stands for its list
        return {"label": RNG.integers(0, 2, n).astype(float)} | {name: RNG.random(n) for name in LISTS}
    classes = ["no", "yes"] if task == "binary" else ["a", "b", "c", "d", "e", "f"]
    label = RNG.choice(classes, n)
    guess = np.where(RNG.random(n) < 0.8, label, RNG.choice(classes, n))
    if task == "multiclass":
        return scored_outcomes(guess, label, RNG.dirichlet(np.ones(6), n), classes)
    return class_outcomes(guess, label, RNG.random(n))


def cases() -> list[tuple[str, str]]:
    return [(name, task) for name, check in METRICS.items() for task in sorted(check.kinds)]


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.name)
def test_metadata_is_complete(check: Check) -> None:
    assert check.name.isidentifier()
    assert check.name.islower()
    assert check.unit
    assert check.summary.endswith(".")
    assert any(character.isdigit() for character in check.citation), "a citation has a year"
    assert check.direction in {"higher_is_worse", "lower_is_worse", "both"}
    if check.scope == "column":
        assert check.unit in UNITS
        assert check.kinds
        if check.row_function is not None:
            assert "ordered" in check.kinds, "rows are sorted numbers"
            assert check.approximate, "what rows are needed for stands in words"
        assert check.kinds <= {"ordered", "nominal"}
        assert check.column_function is not None
        assert check.outcome_function is None
    else:
        assert check.kinds <= set(TASKS)
        assert check.outcome_function is not None
        assert check.column_function is None


@pytest.mark.parametrize("folder", ["checks", "metrics"])
def test_every_file_is_named_as_what_it_defines(folder: str) -> None:
    files = {path.stem for path in (Path(__file__).parents[2] / "monitors" / folder).glob("[!_]*.py")}
    assert files == set(discover(f"monitors.{folder}", "CHECK"))


@each_pair
def test_windows_at_once_equal_one_at_a_time(check: Check, kind: str) -> None:
    reference = column(kind, 500)
    layout = layout_of({"x": reference})
    base = profile_of(layout, {"x": reference}).column("x")
    windows = profiles_of(layout, [{"x": column(kind, n, shift)} for n, shift in [(50, 0.0), (300, 1.0), (40, 2.0)]])
    together_ = column_values(check, base, windows.column("x"))
    assert together_.shape == (3,)
    assert together_.dtype == np.float64
    alone = [column_values(check, base, windows[i : i + 1].column("x"))[0] for i in range(3)]
    assert together_ == pytest.approx(np.asarray(alone), rel=1e-9)


@each_pair
def test_a_reference_for_each_window_broadcasts(check: Check, kind: str) -> None:
    values = [column(kind, 200) for _ in range(3)]
    layout = layout_of({"x": np.concatenate(values)})
    rest, windows = (profiles_of(layout, [{"x": v} for v in part]) for part in (values, values[::-1]))
    paired = column_values(check, rest.column("x"), windows.column("x"))
    alone = [column_values(check, rest[i].column("x"), windows[i : i + 1].column("x"))[0] for i in range(3)]
    assert paired == pytest.approx(np.asarray(alone), rel=1e-9)


@each_pair
def test_empty_windows_give_nan_and_no_crash(check: Check, kind: str) -> None:
    reference = column(kind, 100)
    layout = layout_of({"x": reference})
    value = column_values(check, profile_of(layout, {"x": reference}).column("x"), layout.empty(2).column("x"))
    assert np.isnan(value).all()
    assert value.shape == (2,)


@each_pair
def test_an_empty_reference_does_not_crash(check: Check, kind: str) -> None:
    nothing = np.full(20, np.nan) if kind == "ordered" else np.full(20, "")
    layout = layout_of({"x": nothing})
    window = profiles_of(layout, [{"x": column(kind, 50)}])
    value = column_values(check, profile_of(layout, {"x": nothing}).column("x"), window.column("x"))
    assert value.shape == (1,)
    assert not np.isinf(value).any()


@each_pair
def test_a_merged_window_is_checked_as_its_rows_together(check: Check, kind: str) -> None:
    reference, parts = column(kind, 400), [column(kind, 150, 1.0), column(kind, 50)]
    layout = layout_of({"x": reference})
    base = profile_of(layout, {"x": reference}).column("x")
    merged = merge([profile_of(layout, {"x": part}) for part in parts])
    whole = profile_of(layout, {"x": np.concatenate(parts)})
    one, other = (column_values(check, base, profile[None].column("x"))[0] for profile in (merged, whole))
    assert one == pytest.approx(other, rel=1e-12)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("kind", ["ordered", "nominal"])
def test_a_distance_is_zero_for_the_same_and_grows_with_the_shift(name: str, kind: str) -> None:
    check = COLUMN_CHECKS[name]
    if kind not in check.kinds:
        kind = "ordered"
    reference = column(kind, 2000)
    layout = layout_of({"x": reference})
    profile = profile_of(layout, {"x": reference})
    windows = profiles_of(layout, [{"x": reference}, {"x": column(kind, 2000, 1.0)}, {"x": column(kind, 2000, 3.0)}])
    same, near, far = column_values(check, profile.column("x"), windows.column("x"))
    assert same == pytest.approx(0, abs=1e-9)
    assert 0 < near < far


def limits(check: Check, base, now) -> list[np.ndarray]:
    """Value, p-value and level of chance, those that the check has."""
    functions = [check.column_function, check.p_function, check.level_function]
    return [function(base, now) for function in functions if function is not None]


@each_pair
def test_p_values_and_levels_come_for_all_windows_at_once(check: Check, kind: str) -> None:
    reference = column(kind, 400)
    layout = layout_of({"x": reference})
    base = profile_of(layout, {"x": reference}).column("x")
    windows = profiles_of(layout, [{"x": column(kind, n, 0.3)} for n in (60, 200)])
    together_ = limits(check, base, windows.column("x"))
    alone = [limits(check, base, windows[i : i + 1].column("x")) for i in range(2)]
    for place, values in enumerate(together_):
        assert values.shape == (2,)
        assert values == pytest.approx(np.asarray([alone[0][place][0], alone[1][place][0]]), rel=1e-9)
    for found in limits(check, base, layout.empty(2).column("x"))[1:]:
        assert np.isnan(found).all(), "of a window without rows nothing can be said"


@pytest.mark.parametrize("name", sorted(SWAPPED))
def test_sides_can_change_places(name: str) -> None:
    check = COLUMN_CHECKS[name]
    for kind in sorted(check.kinds):
        left, right = column(kind, 300), column(kind, 200, 0.5)
        layout = layout_of({"x": np.concatenate([left, right])})
        a, b = (profiles_of(layout, [{"x": part}]).column("x") for part in (left, right))
        there, back = column_values(check, a, b), column_values(check, b, a)
        assert back == pytest.approx(SWAPPED[name](there), rel=1e-9)


HOSTILE: dict[str, tuple[list, list]] = {
    "constant": ([3.0] * 50, [3.0] * 20),
    "constant and moved": ([3.0] * 50, [4.0] * 20),
    "one row each": ([1.0], [2.0]),
    "two rows": ([1.0, 2.0], [1.0, 2.0]),
    "huge": ([-1.7e308, 1.7e308, 0.0] * 20, [1.7e308, -1.7e308, 1e300] * 9),
    "tiny": ([5e-324, 0.0, 1e-310] * 20, [5e-324, 1e-320] * 10),
    "outside": (list(np.arange(40.0)), [-1e9, 1e9] * 10),
    "not finite": ([1.0, 2.0, np.inf] * 20, [np.nan, np.inf, -np.inf] * 5),
    "of nothing": ([np.nan] * 20, [1.0, 2.0]),
    "many": (list(np.linspace(0, 1, 5000)), list(np.linspace(0, 1, 7))),
    "one category": (["a"] * 50, ["a"] * 20),
    "all new": (["a", "b"] * 20, ["c", "d", "e"] * 9),
    "vanished": (["a", "b", "c"] * 20, ["a"] * 40),
    "no text": (["", ""], ["x"]),
    "every row its own": ([f"k{i}" for i in range(300)], [f"n{i}" for i in range(200)]),
}


@each_pair
@pytest.mark.filterwarnings("error")
def test_hostile_columns_give_a_number_or_nothing(check: Check, kind: str) -> None:
    for name, (left, right) in HOSTILE.items():
        if (kind == "nominal") is not isinstance(left[0], str):
            continue
        layout = layout_of({"x": left})
        with np.errstate(all="ignore"):  # moments of such values overflow
            base, now = profile_of(layout, {"x": left}).column("x"), profiles_of(layout, [{"x": right}]).column("x")
        for found in limits(check, base, now):
            assert not np.isinf(found).any(), name
        if check.p_function is not None:
            p = check.p_function(base, now)[0]
            assert np.isnan(p) or 0 <= p <= 1, name


WITH_ROWS = [check for check in COLUMN_CHECKS.values() if check.row_function is not None]
with_rows = pytest.mark.parametrize("check", WITH_ROWS, ids=lambda check: check.name)


@with_rows
def test_a_value_with_a_cell_each_loses_nothing_against_rows(check: Check) -> None:
    assert check.row_function is not None
    for seed in range(10):
        rng = np.random.default_rng(seed)
        left, right = rng.poisson(3, 200).astype(float), rng.poisson(3.5, 150 + 50 * (seed % 2)).astype(float)
        left, right = np.minimum(left, 9), np.minimum(right, 9)
        left[:10] = np.arange(10.0)
        layout = layout_of({"x": left})
        base, now = profile_of(layout, {"x": left}).column("x"), profiles_of(layout, [{"x": right}]).column("x")
        exact, _ = check.row_function(np.sort(left), np.sort(right))
        assert column_values(check, base, now)[0] == pytest.approx(exact, rel=1e-9)


@with_rows
@pytest.mark.filterwarnings("error")
def test_rows_too_few_say_nothing_and_hostile_ones_no_nonsense(check: Check) -> None:
    assert check.row_function is not None
    nothing, one = np.empty(0), np.asarray([1.0])
    for left, right in [(nothing, nothing), (nothing, one), (one, nothing)]:
        assert np.isnan(check.row_function(left, right)).all()
    huge = np.repeat([-1.7e308, 0.0, 1.7e308], 20)
    for left, right in [
        (np.ones(50), np.ones(30)),
        (np.ones(50), np.zeros(30)),
        (one, one),
        (np.arange(5.0), one),
        (huge, huge[10:]),
        (huge, huge / 2),
    ]:
        value, p = check.row_function(left, right)
        assert not np.isinf(value)
        assert np.isnan(p) or 0 <= p <= 1


LEVELLED = [pair for pair in pairs() if pair[0].level_function is not None]


@pytest.mark.slow
@pytest.mark.parametrize(("check", "kind"), LEVELLED, ids=lambda value: getattr(value, "name", value))
def test_chance_alone_exceeds_the_level_about_once_in_a_hundred_times(check: Check, kind: str) -> None:
    assert check.level_function is not None
    rng = np.random.default_rng(3)

    def draw(n: int) -> np.ndarray:
        if kind == "ordered":
            return rng.normal(0, 1, n)
        return rng.choice(list("abcdefgh"), n, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02])

    layout = layout_of({"x": draw(20_000)})
    base, now = (profiles_of(layout, [{"x": draw(n)} for _ in range(120)]).column("x") for n in (2000, 500))
    value, level = column_values(check, base, now), check.level_function(base, now)
    usual = {"mann_whitney": 0.5}.get(check.name, 0.0)
    if check.direction == "both":  # the level is the upper one of two
        value, level = np.abs(value - usual), level - usual
    beyond = value < level if check.direction == "lower_is_worse" else value > level
    # of 120 windows 1.2 are expected; 7 or more have a chance of 1 in 4000
    assert beyond.sum() <= 6
    if check.direction != "lower_is_worse":
        assert np.quantile(value, 0.98) > level.mean() / 2, "a level out of reach says nothing"


@pytest.mark.parametrize(("name", "task"), cases())
def test_metrics_are_vectorised_merge_and_know_no_rows(name: str, task: str) -> None:
    windows = [outcomes_of(task, n) for n in (80, 120)]
    layout = layout_of(together(windows))
    spec = spec_of(task, positive="yes" if task == "binary" else None)
    check = metric_checks(spec, layout)[name]
    stacked = profiles_of(layout, windows)
    values = metric_values(spec, check, stacked)
    assert values.shape == (2,)
    alone = [metric_values(spec, check, stacked[i : i + 1])[0] for i in range(2)]
    assert values == pytest.approx(np.asarray(alone), rel=1e-12)
    whole = metric_values(spec, check, profile_of(layout, together(windows)))
    assert float(metric_values(spec, check, stacked.total())) == pytest.approx(float(whole), rel=1e-9)
    assert np.isnan(metric_values(spec, check, layout.empty(3))).all()
    (low, high), errors = metric_intervals(spec, check, stacked), metric_errors(spec, check, stacked)
    assert low.shape == high.shape == errors.shape == (2,)
    assert (low <= values + 1e-12).all()
    assert (values <= high + 1e-12).all()
    assert (high - low > 0).all()
    assert (errors >= 0).all()
    for unknown in (*metric_intervals(spec, check, layout.empty(3)), metric_errors(spec, check, layout.empty(3))):
        assert np.isnan(unknown).all()


def test_each_task_with_labels_has_one_headline_metric_for_whatever_is_logged() -> None:
    found = {
        "regression": headline_check(spec_of("regression"), layout_of(outcomes_of("regression", 50))),
        "binary": headline_check(spec_of("binary"), layout_of(outcomes_of("binary", 50))),
        "multiclass": headline_check(spec_of("multiclass"), layout_of(outcomes_of("multiclass", 50))),
        "binary without scores": headline_check(
            spec_of("binary"), layout_of(class_outcomes(["no", "yes"], ["yes", "no"]))
        ),
        "none": headline_check(spec_of("none"), None),
    }
    assert {case: check and check.name for case, check in found.items()} == {
        "regression": "mae",
        "binary": "roc_auc",
        "multiclass": "accuracy",
        "binary without scores": "accuracy",
        "none": None,
    }


def test_only_checks_for_a_columns_cells_apply() -> None:
    layout = layout_of({"x": [1.0, 2.0], "k": ["a", "b"]})
    ordered, nominal = (set(column_checks(layout.entry(name))) for name in ("x", "k"))
    assert "wasserstein" in ordered - nominal
    assert "unseen_share" in nominal - ordered
    assert "jensen_shannon" in ordered & nominal
