"""How errors grow past the edges of what was learned from, and how sure that is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitors.estimates._edges import OUTERMOST, edges_of, growth_of, peeled
from monitors.estimates.estimator import Estimator, fit
from reference_data.declaration import ModelSpec


def test_inner_edges_leave_half_of_the_rows_within_however_many_inputs_there_are() -> None:
    for inputs in (1, 7, 20):
        low, high = peeled(inputs)
        assert low <= 0.05
        assert (high - low) ** inputs >= 0.499
        assert low + high == pytest.approx(1)


def test_edges_are_of_numbers_that_vary_and_that_losses_turn_on() -> None:
    rng = np.random.default_rng(0)
    inputs = np.column_stack(
        [rng.normal(size=(1000, 2)), rng.integers(0, 3, 1000), np.ones(1000), np.full(1000, np.nan)]
    )
    edges = edges_of(inputs, [False, False, True, False, False], np.array([True, False, True, True, True]), OUTERMOST)
    assert edges.at.tolist() == [0]
    past = edges.past(np.array([[9.0, 9.0, 9.0, 9.0, 9.0], [-9.0, 0.0, 0.0, 0.0, 0.0], [np.nan, 0.0, 0.0, 0.0, 0.0]]))
    assert (past > 0).tolist() == [[False, True], [True, False], [False, False]]


def test_growth_is_measured_where_there_is_some_and_not_where_there_is_none() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20_000, 1))
    edges = edges_of(x, [False], np.array([True]), OUTERMOST)
    distances = edges_of(x, [False], np.array([True]), peeled(1)).past(x)
    expected = np.full(len(x), 2.0)
    loss = (expected * (1 + 0.8 * distances[:, 1])) * rng.gamma(4, 1 / 4, len(x))
    growth = growth_of(loss, expected, distances, edges)
    assert growth.slope[0] == pytest.approx(0.0, abs=0.1)
    assert growth.slope[1] == pytest.approx(0.8, abs=0.2)
    assert 0.0 < growth.error[1] < 0.2
    far = np.array([[0.0], [edges.high[0] + 0.1 * edges.scale[0]], [1e9], [-1e9]])
    factors = growth(far)
    assert factors[0] == 1.0
    assert factors[3] == pytest.approx(1 + growth.most[0] * growth.slope[0])
    assert factors[1] == pytest.approx(1 + 0.1 * growth.slope[1])
    assert factors[2] == pytest.approx(1 + growth.most[1] * growth.slope[1]), "no farther than it was measured"
    assert growth.farther(far) == 0.5
    assert growth.unsure(far[:1], expected[:1]) == 0.0
    assert growth.unsure(far[2:3], expected[:1]) == pytest.approx(growth.most[1] * growth.error[1])


def _rows(seed: int, n: int, wide: float, *, steady: bool = False) -> pa.Table:
    rng = np.random.default_rng(seed)
    a = wide * rng.normal(size=n)
    size = np.ones(n) if steady else 0.5 + np.abs(a)
    return pa.table({"a": a, "prediction": 10 + 0 * a, "label": 10 + size * rng.normal(size=n)})


def _learned(*, steady: bool = False) -> Estimator:
    spec = ModelSpec(name="m", task="regression", features={"a": "numeric"})
    return fit(spec, None, _rows(2, 8000, 1.0, steady=steady), None, np.arange(8000) // 400)


@pytest.mark.slow
def test_larger_errors_are_expected_past_the_edges_and_the_interval_holds_what_comes() -> None:
    estimator, truth = _learned(), _rows(3, 4000, 1.5)
    error = np.abs(truth["label"].to_numpy() - 10)
    found = estimator(truth.drop_columns(["label"]), None).metrics
    for name, came in (("mae", error.mean()), ("rmse", np.sqrt((error**2).mean()))):
        lower, upper = found[name].interval()
        assert lower < came < upper
        assert found[name].value == pytest.approx(came, rel=0.1)


@pytest.mark.slow
def test_errors_that_do_not_grow_are_expected_as_they_are_past_the_edges() -> None:
    estimator = _learned(steady=True)
    usual = estimator(_rows(4, 2000, 1.0, steady=True).drop_columns(["label"]), None).metrics["mae"]
    wide = estimator(_rows(5, 2000, 2.0, steady=True).drop_columns(["label"]), None).metrics["mae"]
    assert wide.value == pytest.approx(usual.value, rel=0.05)
