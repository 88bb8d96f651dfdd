"""The workspace of a folder, where the contract of all workspaces does not reach."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from service.local import LocalWorkspace, references
from service.views import JobView
from service.workspace import ConflictError, WorkspaceError
from tests.support.homes import empty

NOW = datetime(2024, 3, 1, tzinfo=UTC)
COLOURS = ["blue", "green", "red"]
DECLARATION = """
[models.paint]
task = "multiclass"
prediction = "colour"
score = { red = "p red", green = "p green", blue = "p blue" }
label = "truth"

[models.pay]
task = "regression"
prediction = "guessed pay"
label = "pay"
id = "row id"
time = "when"
features = { "job age" = "numeric", role = "categorical" }

[models.sensors]
task = "none"
time = "at"

[models.bare]
task = "regression"
prediction = "guess"
label = "truth"
segments = ["town"]
"""


def painted(rows: int, since: datetime, until: datetime, shift: float = 0.0) -> pd.DataFrame:
    """Rows whose class follows ``x 1``, with the probabilities a perfect model would give."""
    rng = np.random.default_rng(3)
    x = rng.normal(shift, 1, rows)
    odds = np.exp(np.column_stack([-x, np.zeros(rows), x]))
    scores = odds / odds.sum(axis=1, keepdims=True)
    truth = (scores.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    return pd.DataFrame(
        {
            "prediction_id": [f"{since:%m%d}-{i}" for i in range(rows)],
            "event_time": [since + (until - since) * i / rows for i in range(rows)],
            "x 1": x,
            "colour": [COLOURS[i] for i in scores.argmax(axis=1)],
            **{f"p {name}": scores[:, i] for i, name in enumerate(COLOURS)},
            "truth": [COLOURS[i] for i in truth],
        }
    )


@pytest.fixture
def workspace(tmp_path: Path):
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as opened:
        opened.apply(DECLARATION)
        start = NOW - timedelta(days=40)
        opened.reference("paint", painted(2000, start, start + timedelta(days=20)))
        logged = painted(1500, start + timedelta(days=20), NOW - timedelta(days=1), shift=1.5)
        opened.log("paint", logged.drop(columns="truth"))
        opened.label("paint", logged[["prediction_id", "truth"]])
        yield opened


def train(workspace: LocalWorkspace, model: str = "paint") -> JobView:
    job = workspace.retrain(model)
    deadline = time.monotonic() + 120
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        job = workspace.job(job["id"])
    return job


@pytest.mark.slow
def test_a_multiclass_model_is_retrained_and_answers(workspace: LocalWorkspace) -> None:
    job = train(workspace)
    assert (job["state"], job["version"]) == ("succeeded", "v1"), job["log"]
    workspace.deploy("paint", "v1")
    answer = workspace.predict("paint", [{"x 1": 3.0}])[0]
    assert answer["prediction"] == "red"
    assert sum(answer["score"].values()) == pytest.approx(1)


@pytest.mark.slow
def test_a_result_that_cannot_be_registered_fails_its_job_and_nothing_else(
    workspace: LocalWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given, **_named):
        raise WorkspaceError("no row of the reference could be used")

    monkeypatch.setattr(references, "freeze_logged", refuse)
    job = train(workspace)
    assert job["state"] == "failed"
    assert "no row of the reference could be used" in (job["error"] or "")
    assert workspace.versions("paint") == []


@pytest.mark.slow
def test_a_run_counts_the_alerts_that_a_second_window_confirmed(workspace: LocalWorkspace) -> None:
    opened = workspace.run("paint")[0]["alerts_opened"]
    firing = {alert["id"]: alert["history"] for alert in workspace.alerts("paint") if alert["state"] == "firing"}
    assert set(opened) == set(firing)
    assert any(history[0]["state"] == "pending" for history in firing.values())


def test_a_model_without_labels_says_so(workspace: LocalWorkspace) -> None:
    rows = [{"at": "2024-02-01", "prediction_id": "a", "temp": 20.5, "label": 1}]
    workspace.reference("sensors", rows)
    with pytest.raises(WorkspaceError, match="takes no labels"):
        workspace.label("sensors", rows)
    with pytest.raises(WorkspaceError, match="task 'none'"):
        workspace.retrain("sensors")


@pytest.mark.slow
def test_columns_may_have_any_names_from_the_log_to_the_answer(workspace: LocalWorkspace) -> None:
    """The id and the time are called otherwise, names hold spaces, and an input is called ``role``."""
    rng = np.random.default_rng(5)
    rows = pd.DataFrame({"job age": rng.uniform(0, 30, 400), "role": rng.choice(["clerk", "cook"], 400)})
    rows["pay"] = rows["job age"] * 100 + (rows["role"] == "cook") * 500
    rows["guessed pay"], rows["row id"] = rows["pay"] + 10, [f"r{i}" for i in range(400)]
    rows["when"] = [NOW - timedelta(days=20) + timedelta(minutes=30 * i) for i in range(400)]
    assert workspace.log("pay", rows.drop(columns="pay"))["accepted"] == 400
    workspace.label("pay", rows[["row id", "pay"]])
    assert train(workspace, "pay")["state"] == "succeeded"
    workspace.deploy("pay", "v1")
    answer = workspace.predict("pay", [{"job age": 10.0, "role": "cook", "prediction_id": "mine"}])[0]
    assert (answer["prediction_id"], answer["model_version"]) == ("mine", "v1")
    assert answer["prediction"] == pytest.approx(1500, abs=200)
    assert workspace.model("pay")["rows"]["logs"] == 401


def test_columns_that_are_known_by_our_names_are_no_features(workspace: LocalWorkspace) -> None:
    row = {"prediction_id": "a", "event_time": "2024-02-01", "town": "Ulm", "guess": 1.0, "truth": 2.0, "score": 0.5}
    made = workspace.reference("bare", [row, row | {"prediction_id": "b"}])
    assert [entry["column"] for entry in made["columns"]] == ["town", "prediction", "score"]


def test_features_that_cannot_be_inferred_are_an_error_in_words(workspace: LocalWorkspace) -> None:
    row = {"event_time": "2024-02-01", "guess": 1.0, "truth": 2.0}
    with pytest.raises(WorkspaceError, match=r"segments \['town'\] are not columns.*declare the features$"):
        workspace.reference("bare", [row | {"size": 3}])
    with pytest.raises(WorkspaceError, match=r"\['label'\] have names Driftdeck uses itself"):
        workspace.reference("bare", [row | {"town": "Ulm", "label": 3}])


def test_rows_are_not_taken_before_their_columns_are_known(workspace: LocalWorkspace) -> None:
    with pytest.raises(ConflictError, match="knows no columns yet"):
        workspace.log("bare", [{"event_time": "2024-02-01", "guess": 1.0, "town": "Ulm"}])
    assert workspace.model("bare")["rows"]["logs"] == 0
