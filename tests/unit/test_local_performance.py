"""Realised performance of a real workspace: intervals, coverage, what stands behind a metric, and references from before it was kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs

from service.local import references
from service.workspace import NotFoundError, WorkspaceError
from storage import derived
from tests.support.tiny_workspace import A_DAY, DECLARATION, LIVE, MODEL, REFERENCE_DAYS, START, Tiny, rows, tiny

pytestmark = pytest.mark.slow

CLASSES = """
[models.kind]
task = "multiclass"
score = { a = "p_a", b = "p_b", c = "p_c" }
segments = ["city"]
[models.kind.features]
city = "categorical"
[models.kind.monitor]
window = "1d"
multivariate = []
metric = "roc_auc_ovr"
"""
OLD = ("label", "error given inputs", "absolute error")


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home") as made:
        made.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        yield made


def day_after(first: float, count: float = 1.0) -> tuple[Any, Any]:
    return LIVE + timedelta(days=first), LIVE + timedelta(days=first + count)


def test_every_metric_of_a_period_is_that_of_its_rows(ready: Tiny) -> None:
    frame = ready.log_days(0, 3)
    ready.run_at(4)
    found = ready.workspace.performance_detail(MODEL, *day_after(1, 2))
    inside = frame[frame["event_time"] >= LIVE + timedelta(days=1)]
    assert (found["n"], found["coverage"], found["model_version"]) == (2 * A_DAY, 1.0, "v0")
    shown = {one["name"]: one for one in found["metrics"]}
    assert next(iter(shown)) == "mae"
    for name, function in {
        "mae": theirs.mean_absolute_error,
        "rmse": theirs.root_mean_squared_error,
        "r2": theirs.r2_score,
        "mape": theirs.mean_absolute_percentage_error,
    }.items():
        one = shown[name]
        assert one["value"] == pytest.approx(function(inside["truth"], inside["guess"])), name
        assert one["lower"] < one["value"] < one["upper"], name  # type: ignore[operator]
        assert one["reference"] is not None
    assert found["by_range"]
    assert sum(part["n"] for part in found["by_range"]) == found["n"]
    assert found["by_range"][0]["lower"] <= inside["truth"].min()
    assert (found["confusion"], found["calibration"]) == ([], [])


def test_points_say_their_interval_and_how_many_labels_are_here(ready: Tiny) -> None:
    early = ready.log_days(0, 4, labels=False)
    ready.clock.now = LIVE + timedelta(days=4)
    ready.label(early[: 4 * A_DAY - 30])  # the last half day has none yet
    ready.run_at(4.3)
    points = [point for point in ready.workspace.performance(MODEL) if point["role"] == "serving"]
    assert [point["coverage"] for point in points] == [1.0, 1.0, 1.0, 0.5]
    for point in points[:3]:
        assert point["ci_lower"] < point["value"] < point["ci_upper"]  # type: ignore[operator]
        assert point["sentence"]
    before = [point for point in ready.workspace.performance(MODEL) if point["role"] == "reference"]
    assert all(point["ci_lower"] < point["value"] < point["ci_upper"] for point in before)  # type: ignore[operator]
    alone = ready.workspace.performance(MODEL, metric="median_absolute_error")
    assert "50 % of the labels are here" in alone[-1]["sentence"]


def test_a_window_whose_labels_are_the_fast_ones_says_so(ready: Tiny) -> None:
    """Labels take six days, but for one in thirty that takes an hour."""
    for day in range(16):
        frame = rows(REFERENCE_DAYS + day)
        ready.workspace.log(MODEL, frame.drop(columns="truth"))
        fast = frame.iloc[::30].assign(label_time=lambda part: part["event_time"] + timedelta(hours=1))
        ready.workspace.label(MODEL, fast[["prediction_id", "truth", "label_time"]])
        if day >= 6:
            slow = rows(REFERENCE_DAYS + day - 6).assign(label_time=lambda part: part["event_time"] + timedelta(days=6))
            ready.workspace.label(MODEL, slow[["prediction_id", "truth", "label_time"]])
        ready.clock.now = LIVE + timedelta(days=day + 1.3)
    ready.run_at(16.3)
    last = ready.workspace.performance(MODEL)[-1]
    assert last["coverage"] == pytest.approx(2 / A_DAY)
    assert last["maturity"] is not None
    assert last["maturity"] < 0.2
    assert last["sentence"].startswith("3 % of the labels are here, and they are the fast ones: ")
    full = [point for point in ready.workspace.performance(MODEL) if point["role"] == "serving"][5]
    assert full["maturity"] == pytest.approx(1.0, abs=0.02)
    assert "fast ones" not in full["sentence"]


def test_what_cannot_be_answered_is_said(ready: Tiny) -> None:
    ready.log_days(0)
    ready.run_at(2)
    with pytest.raises(WorkspaceError, match="before it begins"):
        ready.workspace.performance_detail(MODEL, *reversed(day_after(0)))
    with pytest.raises(NotFoundError, match="versions that have: v0"):
        ready.workspace.performance_detail(MODEL, *day_after(0), version="v9")
    empty = ready.workspace.performance_detail(MODEL, *day_after(100))
    assert (empty["n"], empty["coverage"], empty["maturity"]) == (0, None, None)
    assert all(one["value"] is None and one["reference"] is not None for one in empty["metrics"])


def test_a_reference_from_before_the_new_columns_offers_what_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = derived.outcome_columns
    monkeypatch.setattr(
        references, "outcome_columns", lambda *args: [one for one in every(*args) if one[0].name in OLD]
    )
    monkeypatch.setattr(references, "with_parts", lambda layout, *_: layout)
    with tiny(tmp_path / "home", DECLARATION.replace('window = "1d"', 'window = "1d"\nmetric = "mape"')) as made:
        assert made.workspace.core.spec(MODEL).monitor.metric == "mape"
        made.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        monkeypatch.undo()
        made.log_days(0, 2)
        assert made.run_at(3)["readings"] > 0
        assert not made.workspace.readings(MODEL, verdict="error")
        names = made.workspace.metric_names(MODEL)
        assert names[0] == "mae"  # the declared one cannot be computed
        assert "mape" not in names
        found = made.workspace.performance_detail(MODEL, *day_after(0, 2))
        assert found["by_range"] == []
        assert {one["name"] for one in found["metrics"] if one["lower"] is None} == set()
        made.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))  # a new one has the columns
        made.run_at(3.1)
        assert made.workspace.metric_names(MODEL)[0] == "mape"
        assert made.workspace.performance_detail(MODEL, *day_after(0, 2))["by_range"]


def kinds(first: int, count: int) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    n = count * 80
    label = rng.choice(list("abc"), n, p=[0.5, 0.3, 0.2])
    raw = rng.normal(0, 1, (n, 3)) + 1.5 * (label[:, None] == np.asarray(list("abc")))
    scores = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    frame = pd.DataFrame(scores, columns=["p_a", "p_b", "p_c"])
    return frame.assign(
        prediction_id=[f"k{first}-{number}" for number in range(n)],
        event_time=[START + timedelta(days=first) + timedelta(days=count) / n * number for number in range(n)],
        city=rng.choice(["x", "y"], n),
        prediction=np.asarray(list("abc"))[scores.argmax(axis=1)],
        label=label,
    )


def test_several_classes_from_the_log_to_the_matrix(tmp_path: Path) -> None:
    with tiny(tmp_path / "home", CLASSES) as made:
        made.workspace.reference("kind", kinds(0, REFERENCE_DAYS))
        frame = kinds(REFERENCE_DAYS, 3)
        made.workspace.log("kind", frame.drop(columns="label"))
        made.workspace.label("kind", frame[["prediction_id", "label"]])
        made.clock.now = LIVE + timedelta(days=4)
        made.workspace.run("kind")
        assert not made.workspace.readings("kind", verdict="error")
        assert made.workspace.metric_names("kind")[0] == "roc_auc_ovr"
        found = made.workspace.performance_detail("kind", *day_after(0, 3))
        by_name = {one["name"]: one for one in found["metrics"]}
        assert found["metrics"][0]["name"] == "roc_auc_ovr"
        scores = frame[["p_a", "p_b", "p_c"]].to_numpy()
        assert by_name["roc_auc_ovr"]["value"] == pytest.approx(
            theirs.roc_auc_score(frame["label"], scores, multi_class="ovr"), abs=0.01
        )
        assert by_name["top_2_accuracy"]["value"] == pytest.approx(
            theirs.top_k_accuracy_score(frame["label"], scores, k=2)
        )
        assert found["classes"] == ["a", "b", "c"]
        assert found["confusion"] == theirs.confusion_matrix(frame["label"], frame["prediction"]).tolist()
        assert sum(one["n"] for one in found["calibration"]) == found["n"] == len(frame)
        for one in found["calibration"]:
            assert one["observed_lower"] <= one["observed"] <= one["observed_upper"]
        # segments are kept without the scores of each class, so they are judged by what they have
        inside = made.workspace.segment_errors("kind", *day_after(0, 3))
        right = frame.assign(right=frame["label"] == frame["prediction"]).groupby("city")["right"].mean()
        assert {row["value"]: row["current"] for row in inside} == pytest.approx(right.to_dict())
