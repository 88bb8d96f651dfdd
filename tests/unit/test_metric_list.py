"""Metrics as they are documented, declared and offered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitors.metric_list import describe, documentation
from monitors.registry import every_metric, headline_check, metric_checks, performance_checks
from reference_data.declaration import Monitor, Threshold
from service.declared_checks import check_problems
from tests.support.profiles import class_outcomes, layout_of, regression_outcomes, spec_of

REGRESSION = layout_of(regression_outcomes(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0])))


def test_the_page_of_metrics_has_the_table_of_today() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    assert documentation() in page, "run `python -m monitors.metric_list` and put its table into docs/metrics.md"
    assert {entry["metric"] for entry in describe()} == every_metric().keys()


def test_every_metric_has_an_error_and_an_interval() -> None:
    lacking = [name for name, metric in every_metric().items() if metric.error_function is None]
    assert lacking == []


@pytest.mark.parametrize(
    ("declared", "judged"), [(None, "mae"), ("r2", "r2"), ("quantile_loss_90", "quantile_loss_90")]
)
def test_the_declared_metric_is_the_one_a_model_is_judged_by(declared: str | None, judged: str) -> None:
    spec = spec_of(monitor=Monitor(metric=declared))
    found = headline_check(spec, REGRESSION)
    assert found is not None
    assert found.name == judged
    assert judged in performance_checks(spec, REGRESSION)


def test_what_the_outcomes_lack_is_not_offered() -> None:
    old = layout_of({name: np.array([1.0, 2.0]) for name in ("label", "error given inputs", "absolute error")})
    assert metric_checks(spec_of(), REGRESSION).keys() - metric_checks(spec_of(), old).keys() == {"mape"}
    found = headline_check(spec_of(monitor=Monitor(metric="mape")), old)
    assert found is not None
    assert found.name == "mae"
    few = layout_of(class_outcomes(["a", "b"], ["b", "c"]))
    assert "top_3_accuracy" not in metric_checks(spec_of("multiclass"), few)


def test_only_what_is_shown_or_named_is_read_in_every_window() -> None:
    usual = performance_checks(spec_of(), REGRESSION)
    assert "mse" not in usual
    assert usual.keys() < metric_checks(spec_of(), REGRESSION).keys()
    limited = spec_of(monitor=Monitor(thresholds=(Threshold(check="mse", warning=9.0),)))
    assert performance_checks(limited, REGRESSION).keys() == usual.keys() | {"mse"}
    assert metric_checks(spec_of(units={"label": "min"}), REGRESSION)["mse"].unit == "min²"


@pytest.mark.parametrize(
    ("task", "metric", "words"),
    [
        ("binary", "recal", "line 4: models.m.monitor.metric: there is no metric 'recal'; did you mean 'recall'?"),
        ("binary", "mae", "metric 'mae' is not one of the task binary; There are accuracy"),
        ("none", "accuracy", "a model of the task none has no labels to be judged by"),
    ],
)
def test_a_metric_that_cannot_be_is_named(task: Any, metric: str, words: str) -> None:
    spec = spec_of(task, monitor=Monitor(metric=metric))
    text = f'[models.m]\ntask = "{task}"\n[models.m.monitor]\nmetric = "{metric}"\n'
    (problem,) = check_problems({"m": spec}, text, ())
    assert words in problem


def test_a_metric_that_fits_is_no_problem() -> None:
    assert check_problems({"m": spec_of("binary", monitor=Monitor(metric="recall"))}, "", ()) == []
