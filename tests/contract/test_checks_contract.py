"""What every check and every metric must keep to, whoever wrote it: all files in both folders are tested unasked."""

from pathlib import Path

import numpy as np
import pytest

from monitors.registry import column_checks, column_values, headline_check, metric_values, performance_checks
from monitors.types import Check
from reference_data.plugins import discover
from reference_data.profile import merge
from reference_data.schema import TASKS
from tests.support.profiles import (
    class_outcomes,
    layout_of,
    profile_of,
    profiles_of,
    regression_outcomes,
    spec_of,
    together,
)

RNG = np.random.default_rng(7)
COLUMN_CHECKS = discover("monitors.checks", "CHECK")
METRICS = discover("monitors.metrics", "CHECK")
EVERY = [*COLUMN_CHECKS.values(), *METRICS.values()]
DISTANCES = ["jensen_shannon", "psi", "kolmogorov_smirnov", "chi_square", "wasserstein"]


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
    classes = ["no", "yes"] if task == "binary" else ["a", "b", "c"]
    label = RNG.choice(classes, n)
    guess = np.where(RNG.random(n) < 0.8, label, RNG.choice(classes, n))
    return class_outcomes(guess, label, RNG.random(n) if task == "binary" else None)


def cases() -> list[tuple[str, str]]:
    return [
        (name, task)
        for name, check in METRICS.items()
        for task in sorted(check.kinds)
        if (name, task) != ("log_loss", "multiclass")
    ]


@pytest.mark.parametrize("check", EVERY, ids=lambda check: check.name)
def test_metadata_is_complete(check: Check) -> None:
    assert check.name.isidentifier()
    assert check.name.islower()
    assert check.unit
    assert check.summary.endswith(".")
    assert any(character.isdigit() for character in check.citation), "a citation has a year"
    if check.scope == "column":
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


@pytest.mark.parametrize(("name", "task"), cases())
def test_metrics_are_vectorised_merge_and_know_no_rows(name: str, task: str) -> None:
    windows = [outcomes_of(task, n) for n in (80, 120)]
    layout = layout_of(together(windows))
    spec = spec_of(task, positive="yes" if task == "binary" else None)
    check = performance_checks(spec, layout)[name]
    stacked = profiles_of(layout, windows)
    values = metric_values(spec, check, stacked)
    assert values.shape == (2,)
    alone = [metric_values(spec, check, stacked[i : i + 1])[0] for i in range(2)]
    assert values == pytest.approx(np.asarray(alone), rel=1e-12)
    whole = metric_values(spec, check, profile_of(layout, together(windows)))
    assert float(metric_values(spec, check, stacked.total())) == pytest.approx(float(whole), rel=1e-9)
    assert np.isnan(metric_values(spec, check, layout.empty(3))).all()


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
