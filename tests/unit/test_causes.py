"""Causes: the likeliest first, and what they may honestly claim."""

import re
from typing import Any

import numpy as np
import pytest

from monitors.calibration import calibrate
from monitors.causes import rank_causes
from monitors.judge import judge
from monitors.types import Cause
from tests.support.profiles import DAILY, NOW, days, profiles_of, reference_of, regression_outcomes, spec_of

SPEC = spec_of(
    "regression",
    features={"x": "numeric", "y": "numeric", "k": "categorical"},
    context={"weather": "numeric"},
    units={"label": "min"},
)
IMPORTANCE = {"x": 6.0, "y": 3.0, "k": 1.0}
N = 400


def day(rng: np.random.Generator, **changes: np.ndarray) -> dict[str, np.ndarray]:
    columns = {name: rng.normal(size=N) for name in ("x", "y", "weather")}
    return columns | {"k": rng.choice(list("abc"), N)} | changes


def outcome(rng: np.random.Generator, bias: float = 0.0) -> dict[str, np.ndarray]:
    label = rng.normal(100, 10, N)
    return regression_outcomes(label + rng.normal(bias, 5, N), label)


def causes(bias: float = 0.0, importance: dict[str, float] | None = None, **changes: np.ndarray) -> tuple[Cause, ...]:
    rng = np.random.default_rng(0)
    reference = reference_of([day(rng) for _ in range(15)], [outcome(rng) for _ in range(15)])
    assert reference.outcomes is not None
    inputs = profiles_of(reference.inputs.layout, [day(rng, **changes)])
    outcomes = profiles_of(reference.outcomes.layout, [outcome(rng, bias)])
    calibration = calibrate(SPEC, reference, DAILY)
    readings = judge(SPEC, reference, calibration, days(1, 15), inputs, outcomes, None, "v1", importance, NOW)
    return rank_causes(SPEC, reference, inputs[0], outcomes[0], readings, importance)


def shifted(by: float) -> np.ndarray:
    return np.random.default_rng(1).normal(by, 1, N)


def test_nothing_wrong_has_no_cause() -> None:
    assert causes(importance=IMPORTANCE) == ()


def test_harm_without_drift_is_put_down_to_the_rule() -> None:
    (cause,) = causes(bias=15, importance=IMPORTANCE)
    assert (cause.column, cause.score) == (None, 1.0)
    assert re.search(r"predictions are 1[45]\.\d min higher against the labels", cause.sentence)
    assert "no input that the model leans on moved enough" in cause.sentence


def test_harm_with_much_drift_is_put_down_to_the_input() -> None:
    first, second = causes(bias=15, importance=IMPORTANCE, x=shifted(3.0))
    assert (first.column, second.column) == ("x", None)
    assert second.score < 0.5
    assert "could explain" in second.sentence


def test_of_two_columns_that_moved_alike_the_one_the_model_leans_on_comes_first() -> None:
    found = causes(importance=IMPORTANCE, x=shifted(1.0), y=shifted(1.0), weather=shifted(1.0))
    assert [cause.column for cause in found] == ["x", "y", "weather"]
    assert "The model does not use it." in found[2].sentence
    assert "60.0 % of the model's importance" in found[0].sentence


def test_without_importance_the_column_that_moved_furthest_comes_first() -> None:
    found = causes(x=shifted(0.8), y=shifted(2.5))
    assert [cause.column for cause in found] == ["y", "x"]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("k", np.where(np.arange(N) % 2 == 0, "new", "a"), "new categories of k rose"),
        ("x", np.where(np.arange(N) % 2 == 0, np.nan, shifted(0.0)), "missing values in 50.0 % of rows"),
    ],
)
def test_new_categories_and_missing_values_are_causes(column: str, values: np.ndarray, words: str) -> None:
    changes: dict[str, Any] = {column: values}
    first = causes(importance=IMPORTANCE, bias=0.0, **changes)[0]
    assert first.column == column
    assert words in first.sentence


def test_scores_lie_between_zero_and_one_and_fall() -> None:
    found = causes(
        bias=15, importance=IMPORTANCE, x=shifted(2.0), y=shifted(2.0), k=np.full(N, "new"), weather=shifted(5.0)
    )
    scores = [cause.score for cause in found]
    assert len(found) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
