"""A model that never gets worse: estimates stay silent, whatever inputs do that nothing turns on, and still see what is to come."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitors.estimates._relied import relied_on
from monitors.estimates.estimator import fit
from reference_data.declaration import ModelSpec
from tests.support.estimate_days import headline_readings


@pytest.mark.slow
@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize("rows", [100, 300])
def test_no_estimate_pages_while_nothing_gets_worse(task: str, rows: int) -> None:
    for change, found in headline_readings(task, rows, 0, 10, ["", "unused", "harmless"]).items():
        assert [reading.verdict for reading in found] == ["ok"] * 10, change
        for reading in found:  # far from it: the middle of the interval does not even reach the limit
            assert abs(reading.value - reading.reference_value) < abs(reading.threshold - reading.reference_value)


@pytest.mark.parametrize("task", [pytest.param("regression", marks=pytest.mark.slow), "binary"])
def test_an_estimate_pages_when_inputs_move_to_where_the_model_is_bad(task: str) -> None:
    found = headline_readings(task, 1000, 2, 4, ["harmful"])["harmful"]
    assert [reading.verdict for reading in found] == ["critical"] * 4


@pytest.mark.slow
def test_inputs_that_nothing_turns_on_may_go_anywhere() -> None:
    rng = np.random.default_rng(3)

    def rows(n: int, unused: float) -> pa.Table:
        a, b = rng.normal(size=(2, n))
        prediction = 10 + 2 * a
        label = prediction + (1 + np.abs(a)) * rng.normal(size=n)
        return pa.table({"a": a, "unused": b + unused, "prediction": prediction, "label": label})

    spec = ModelSpec(name="m", task="regression", features={"a": "numeric", "unused": "numeric"})
    estimator = fit(spec, None, rows(6000, 0.0), None, np.arange(6000) // 300)
    estimated = estimator(rows(1000, 8.0), None)
    assert not estimated.outside
    assert estimated.effective_share == 1.0


def test_an_input_counts_beyond_chance_and_beyond_a_trifle() -> None:
    rng = np.random.default_rng(4)
    large, none, trifle = rng.normal(1.0, 1.0, 4000), rng.normal(0.0, 1.0, 4000), rng.normal(0.01, 0.01, 4000)
    assert relied_on([np.column_stack([large, none - none.mean(), trifle])]).tolist() == [True, False, False]


@pytest.mark.slow
def test_rows_past_the_edges_of_the_reference_widen_the_interval() -> None:
    rng = np.random.default_rng(5)

    def rows(n: int, wide: float) -> pa.Table:
        a = wide * rng.normal(size=n)
        return pa.table({"a": a, "prediction": 10 + 0 * a, "label": 10 + (1 + np.abs(a)) * rng.normal(size=n)})

    spec = ModelSpec(name="m", task="regression", features={"a": "numeric"})
    estimator = fit(spec, None, rows(6000, 1.0), None, np.arange(6000) // 300)
    same, wide = (estimator(rows(1000, scale), None).metrics["mae"] for scale in (1.0, 2.0))
    assert wide.sd / wide.value > 1.5 * same.sd / same.value
