"""Estimates in a workspace: computed once a window, before labels come, and never from anything but the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from service.local import LocalWorkspace
from tests.support.homes import empty

START = datetime(2026, 1, 1, tzinfo=UTC)
DECLARED = """
[models.m]
task = "regression"
features = { a = "numeric", b = "numeric" }
"""
DAYS, ROWS = 12, 60


def day(number: int, shift: float = 0.0, rule: float = 0.0) -> pd.DataFrame:
    """Errors grow with |a|."""
    rng = np.random.default_rng(number)
    a, b = rng.normal(size=ROWS) + shift, rng.normal(size=ROWS)
    return pd.DataFrame(
        {
            "prediction_id": [f"{number}-{row}" for row in range(ROWS)],
            "event_time": [START + timedelta(days=number, minutes=20 * row) for row in range(ROWS)],
            "a": a,
            "b": b,
            "prediction": 10 + 2 * a,
            "label": 10 + 2 * a + rule + (0.5 + np.abs(a)) * rng.normal(size=ROWS),
        }
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: START + timedelta(days=DAYS + 4)) as opened:
        opened.apply(DECLARED)
        yield opened


def log(workspace: LocalWorkspace, frame: pd.DataFrame, *, labels: bool = False) -> None:
    workspace.log("m", frame.drop(columns="label"))
    if labels:
        workspace.label("m", frame[["prediction_id", "label"]])


@pytest.mark.slow
def test_a_window_is_estimated_before_its_labels_and_not_again_after(workspace: LocalWorkspace) -> None:
    workspace.reference("m", pd.concat([day(number) for number in range(DAYS)]))
    same, moved = day(DAYS), day(DAYS + 1, shift=1.0, rule=6.0)
    log(workspace, same)
    log(workspace, moved)
    workspace.run("m")
    first, second = workspace.estimates("m")[:2]
    assert first["realised"] is None
    assert first["verdict"] == "ok"
    assert first["lower"] is not None
    assert first["value"] is not None
    assert second["value"] is not None
    assert second["value"] > 1.1 * first["value"]
    assert "if the rule from inputs to labels changed, it cannot see it" in second["sentence"]

    workspace.label("m", moved[["prediction_id", "label"]])
    workspace.run("m")
    again = workspace.estimates("m")[1]
    assert again["value"] == second["value"]
    assert again["realised"] == pytest.approx(float((moved["prediction"] - moved["label"]).abs().mean()), rel=0.02)
    assert again["gap_significant"]
    assert "a sign of concept drift" in again["sentence"]
    assert not workspace.estimates("m")[0]["gap_significant"]
    assert {point["metric"] for point in workspace.estimates("m", "rmse")} == {"rmse"}


@pytest.mark.slow
def test_an_estimate_that_fails_fails_nothing_else(workspace: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.reference("m", pd.concat([day(number) for number in range(DAYS)]))
    log(workspace, day(DAYS), labels=True)

    def broken(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("service.local.estimates.judge_estimates", broken)
        workspace.run("m")
    (point,) = workspace.estimates("m")[:1]
    assert point["verdict"] == "error"
    assert "MemoryError" in point["sentence"]
    realised = [r for r in workspace.readings("m") if r["scope"] == "performance" and r["check"] == "mae"]
    assert realised[0]["verdict"] == "ok"
    later = day(DAYS)
    workspace.label("m", later[["prediction_id"]].assign(label=later["label"] + 0.01))
    workspace.run("m")
    assert workspace.estimates("m")[0]["verdict"] == "ok", "it is tried again when its window is"


@pytest.mark.slow
def test_nothing_is_estimated_where_nobody_wants_it(workspace: LocalWorkspace) -> None:
    workspace.apply(f"{DECLARED}[models.m.monitor]\nestimate = false\n")
    workspace.reference("m", pd.concat([day(number) for number in range(DAYS)]))
    log(workspace, day(DAYS))
    workspace.run("m")
    assert workspace.estimates("m") == []


@pytest.mark.slow
def test_a_reference_too_small_to_learn_from_says_so(workspace: LocalWorkspace) -> None:
    workspace.reference("m", pd.concat([day(number) for number in range(4)]))
    log(workspace, day(DAYS))
    workspace.run("m")
    point = next(point for point in workspace.estimates("m") if point["n"])
    assert (point["value"], point["verdict"]) == (None, "insufficient")
    assert "the reference keeps 240 rows with label and prediction, 300 are needed" in point["sentence"]


@pytest.mark.slow
def test_without_drift_no_estimate_pages(workspace: LocalWorkspace) -> None:
    workspace.reference("m", pd.concat([day(number) for number in range(DAYS)]))
    for number in range(DAYS, DAYS + 3):
        log(workspace, day(number))
    workspace.run("m")
    readings = [reading for reading in workspace.readings("m") if reading["scope"] == "estimate" and reading["n"]]
    assert {reading["check"] for reading in readings} >= {"estimated_mae", "estimated_rmse"}
    assert {reading["verdict"] for reading in readings} == {"ok"}
    assert not [alert for alert in workspace.alerts("m") if alert["kind"] == "performance"]
