"""Known answers of the learning curve and of the backtest of periods, on rows whose rule is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reference_data.schema import Column
from reference_data.training import Retrain
from retraining.ageing import age_weights
from retraining.backtest import Standing, backtest
from retraining.fitted import FittedModel
from retraining.learning_curve import by_hash, learning_curve, sizes
from retraining.periods import choices, times
from retraining.trainers.sklearn import fit
from retraining.types import FitResult, TrainingError, TrainRequest

START = datetime(2024, 1, 1, tzinfo=UTC)
LINEAR = {"estimator": "sklearn.linear_model.Ridge"}


def made(
    days: int, rule: Any, *, a_day: int = 40, noise: float = 1.0, seed: int = 0, features: int = 2, **training: Any
) -> TrainRequest:
    """``a_day`` rows on each day; the label is ``rule(day, x)`` of the first feature, and noise."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    at = pd.DatetimeIndex(pd.Timestamp(START) + pd.to_timedelta(np.arange(n) / a_day, unit="D"))
    x = rng.normal(size=(n, features))
    label = rule(np.arange(n) / a_day, x[:, 0]) + rng.normal(0, noise, n)
    frame = pd.DataFrame({f"x{place}": x[:, place] for place in range(features)})
    frame["_id"] = [f"p{number}" for number in range(n)]
    columns = tuple(Column(name=f"x{place}", type="numeric", role="feature") for place in range(features))
    declared = Retrain.model_validate({"holdout": "1w", **LINEAR, **training})
    return TrainRequest(frame, label, at, columns, "regression", declared.params, seed, "UTC", declared)


def tried(request: TrainRequest, days: int, **asked: Any) -> dict[str, Any]:
    return backtest(request, START + timedelta(days=days), fit, **asked)


def row(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["rows"] if one["name"] == name)


@pytest.mark.slow
# -- periods -----------------------------------------------------------------------------------------------------------
def test_when_nothing_changed_all_rows_are_best() -> None:
    bests = [tried(made(140, lambda _day, x: 2 * x, seed=seed), 140)["best"] for seed in range(12)]
    assert bests == ["all"] * 12


@pytest.mark.slow
def test_when_there_is_nothing_to_learn_all_rows_are_best() -> None:
    bests = [tried(made(140, lambda day, _x: 0 * day, seed=seed), 140)["best"] for seed in range(6)]
    assert bests == ["all"] * 6


@pytest.mark.slow
def test_after_a_change_the_rows_since_it_are_best() -> None:
    request = made(140, lambda day, x: np.where(day < 91, 2 * x, 5 - 2 * x))
    found = tried(request, 140, change=START + timedelta(days=91), unit="min")
    assert (found["best"], found["period_best"]) == ("since change", "since change")
    assert (found["metric"], found["unit"], found["direction"]) == ("mae", "min", "higher_is_worse")
    since, everyone = row(found, "since change"), row(found, "all")
    assert since["since"] == (START + timedelta(days=91)).isoformat()
    assert since["rows"] == 42 * 40
    assert since["folds"] == everyone["folds"] == 4
    assert since["value"] == pytest.approx(np.sqrt(2 / np.pi), rel=0.06)  # the mean of |noise|
    assert everyone["change_lower"] > 1
    assert found["sentence"].startswith("Rows since the change of 1 April 2024: fit ")
    assert "all labelled rows: MAE" in found["sentence"]


@pytest.mark.slow
def test_a_season_comes_back_and_last_years_rows_are_best() -> None:
    """A rule that turns with the year: half a year ago it was the opposite."""
    request = made(480, lambda day, x: 4 * np.cos(2 * np.pi * day / 365) * x, a_day=12)
    found = tried(request, 480)
    season = row(found, "same season")
    assert season["value"] < row(found, "all")["value"]
    assert season["value"] < row(found, "last 16w")["value"]
    assert found["period_best"] in {"same season", "last 4w"}


def test_when_an_old_rule_returns_the_first_model_is_best() -> None:
    request = made(210, lambda day, x: np.where((day > 70) & (day < 182), -3 * x, 3 * x))
    first = fit(request.part(np.arange(56 * 40)))
    champion = fit(request.part(np.arange(100 * 40, 160 * 40)))
    standing = [
        Standing("first model", "the first model, v1", FittedModel(first.estimator, first.features, "regression"),
                 START + timedelta(days=56)),
        Standing("champion", "what serves now, v2", FittedModel(champion.estimator, champion.features, "regression"),
                 START + timedelta(days=160)),
    ]  # fmt: skip
    found = tried(request, 210, standing=standing)
    assert found["best"] == "first model"
    assert found["period_best"] == "first 8w"
    assert found["sentence"].startswith("The first model, v1: fits ")
    assert "if there must be one: the first 8 weeks" in found["sentence"]
    assert row(found, "champion")["change_lower"] > 0


@pytest.mark.slow
def test_a_model_is_not_judged_on_rows_that_it_has_learned_from() -> None:
    request = made(140, lambda _day, x: 2 * x)
    found = fit(request)
    late = Standing("champion", "what serves now", FittedModel(found.estimator, found.features, "regression"),
                    START + timedelta(days=130))  # fmt: skip
    assert row(tried(request, 140, standing=[late]), "champion")["folds"] == 1
    whole = replace(late, until=START + timedelta(days=140))
    assert "champion" not in [one["name"] for one in tried(request, 140, standing=[whole])["rows"]]


@pytest.mark.slow
def test_a_backtest_is_the_same_again() -> None:
    request = made(140, lambda _day, x: 2 * x)
    assert tried(request, 140) == tried(request, 140)


def test_a_backtest_keeps_to_its_time() -> None:
    seconds = iter(range(0, 10_000, 30))
    found = tried(made(140, lambda _day, x: 2 * x), 140, budget=50.0, clock=lambda: next(seconds))
    assert {one["folds"] for one in found["rows"]} == {1}
    assert "Earlier stretches were left out" in found["sentence"]


def test_too_short_a_past_is_refused() -> None:
    with pytest.raises(TrainingError, match="reach back too little to try periods"):
        tried(made(20, lambda _day, x: 2 * x), 20)


@pytest.mark.slow
def test_rows_are_weighted_only_by_who_can() -> None:
    request = made(140, lambda _day, x: 2 * x, estimator="sklearn.neighbors.KNeighborsRegressor")
    assert "weighted" not in [one["name"] for one in tried(request, 140)["rows"]]
    with pytest.raises(TrainingError, match="KNeighborsRegressor takes no weights of rows"):
        fit(made(30, lambda _day, x: x, estimator="sklearn.neighbors.KNeighborsRegressor", half_life="1w"))


def test_the_choices_keep_to_what_there_is() -> None:
    cut = START + timedelta(weeks=30)
    found = choices(START, cut, "1w", START + timedelta(weeks=20), "UTC")
    assert [one.name for one in found] == [
        "all",
        "since change",
        "last 16w",
        "last 8w",
        "last 4w",
        "weighted",
        "first 8w",
    ]
    assert found[1].window.start == START + timedelta(weeks=20)
    assert all(one.window.end <= cut for one in found)
    assert [one.name for one in choices(START, START + timedelta(weeks=3), "1w", None, "UTC")] == ["all"]
    season = choices(START, START + timedelta(weeks=60), "1w", None, "UTC")[-1]
    assert season.name == "same season"
    assert season.window.end < START + timedelta(weeks=20)
    assert times(8, "3d") == "24d"


# -- sizes -------------------------------------------------------------------------------------------------------------
def curve(request: TrainRequest, **asked: Any) -> dict[str, Any]:
    n = len(request.label)
    return learning_curve(request, np.arange(n - 400), np.arange(n - 400, n), fit, **asked)


def test_a_rule_of_one_number_needs_few_rows() -> None:
    found = curve(made(170, lambda _day, x: 2 * x), unit="min")
    assert [point["rows"] for point in found["points"]] == [100, 200, 400, 800, 1600, 3200, 6400][
        : len(found["points"])
    ]
    assert found["levels_off"] is not None
    assert found["levels_off"] <= 1600
    assert "rows are as good as all 6,400: MAE" in found["sentence"]


@pytest.mark.slow
def test_a_rule_of_many_numbers_needs_all_rows() -> None:
    """Two hundred coefficients of 1, and hardly noise: each doubling halves what is left."""
    request = made(50, lambda _day, x: 0 * x, features=200, noise=0.2)
    sums = request.frame[[column.name for column in request.features]].to_numpy().sum(axis=1)
    found = curve(replace(request, label=request.label + sums))
    assert found["levels_off"] is None
    assert found["sentence"].startswith("More rows still help, or may: MAE")
    values = [point["value"] for point in found["points"]]
    assert values == sorted(values, reverse=True)


@pytest.mark.slow
def test_a_curve_of_noise_does_not_say_that_few_rows_do() -> None:
    """With fifty features that say nothing, few rows learn the noise: a level may be found, but not at the beginning."""
    for seed in range(4):
        found = curve(made(170, lambda day, _x: 0 * day, features=50, seed=seed))
        assert found["levels_off"] is None or found["levels_off"] >= 800
        first, last = found["points"][0], found["points"][-1]
        assert first["value"] > 1.1 * last["value"]


def test_the_interval_holds_the_value_and_the_curve_is_the_same_again() -> None:
    request = made(60, lambda _day, x: 2 * x)
    found, again = curve(request), curve(request)
    for point in (*found["points"], *again["points"]):
        assert point["lower"] < point["value"] < point["upper"]
        point["seconds"] = 0
    assert found == again


def test_a_curve_keeps_to_its_time() -> None:
    now = [0.0]

    def slow(request: TrainRequest) -> FitResult:
        now[0] += len(request.label) / 10
        return fit(request)

    request = made(170, lambda _day, x: 2 * x)
    n = len(request.label)
    found = learning_curve(request, np.arange(n - 400), np.arange(n - 400, n), slow, budget=200.0, clock=lambda: now[0])
    assert [point["rows"] for point in found["points"]] == [100, 200, 400, 800]
    assert "Larger sizes were left out" in found["sentence"]


def test_classes_are_judged_by_their_own_metric() -> None:
    request = made(60, lambda _day, x: 3 * x)
    label = np.where(request.label > 0, "yes", "no").astype(object)
    declared = Retrain(estimator="sklearn.linear_model.LogisticRegression")
    found = curve(replace(request, label=label, task="binary", training=declared), positive="yes")
    assert (found["metric"], found["unit"], found["direction"]) == ("roc_auc", "share", "lower_is_worse")
    assert found["levels_off"] is not None


def test_sizes_halve_and_smaller_ones_lie_within_larger_ones() -> None:
    assert sizes(1000) == [125, 250, 500, 1000]
    assert sizes(150) == [150]
    assert len(sizes(10**9)) == 9
    ids, rows = pd.Series([f"p{number}" for number in range(1000)]), np.arange(200, 1000)
    small, large = by_hash(ids, rows, 100), by_hash(ids, rows, 400)
    assert (len(small), len(large)) == (100, 400)
    assert set(small) <= set(large) <= set(rows)
    assert list(large) == sorted(large)
    assert by_hash(ids, rows, None) is rows


# -- weights -----------------------------------------------------------------------------------------------------------
def test_a_row_a_half_life_older_counts_half() -> None:
    at = pd.DatetimeIndex([START, START + timedelta(weeks=8), START + timedelta(weeks=16)])
    weights = age_weights(at, "8w")
    assert weights is not None
    assert weights / weights[-1] == pytest.approx([0.25, 0.5, 1.0])
    assert weights.mean() == pytest.approx(1.0)
    assert age_weights(at, None) is None


def test_a_half_life_follows_a_change() -> None:
    request = made(140, lambda day, _x: np.where(day < 100, 0.0, 10.0))
    plain = fit(request).estimator.predict(request.frame[["x0", "x1"]]).mean()
    aged = fit(replace(request, training=request.training.model_copy(update={"half_life": "1w"})))
    assert plain == pytest.approx(10 * 40 / 140, abs=0.2)
    assert aged.estimator.predict(request.frame[["x0", "x1"]]).mean() > 9
