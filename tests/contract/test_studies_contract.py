"""Studies before a retrain, of a workspace that opens the folder and of one that speaks HTTP to its owner."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import pytest

from service.views import JobView
from service.workspace import NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, START, frame, opened

QUICK = DECLARATION.replace('[channels.team]\nurl = "json://127.0.0.1/x"\n', "") + (
    '[models.eta.retrain]\nestimator = "sklearn.linear_model.Ridge"\n'
)


@pytest.fixture(scope="module", params=["local", "remote"])
def labelled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with opened(request.param, tmp_path_factory.mktemp("studied") / "home") as workspace:
        workspace.apply(QUICK)
        rows = frame()
        workspace.log("eta", rows.drop(columns="truth"))
        workspace.label("eta", rows[["prediction_id", "truth"]])
        yield workspace


def done(workspace: Workspace, kind: Literal["learning_curve", "backtest"], since: datetime | None = None) -> JobView:
    job = workspace.study("eta", kind, since=since)
    end = time.monotonic() + 120
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < end, job["log"]
        time.sleep(0.1)
        job = workspace.job(job["id"])
    assert job["state"] == "succeeded", job["log"]
    return job


@pytest.mark.slow
def test_what_was_found_out_is_read_again(labelled: Workspace) -> None:
    assert labelled.learning_curve("eta") is None
    assert labelled.backtest("eta") is None
    job = done(labelled, "learning_curve", since=START)
    curve = labelled.learning_curve("eta")
    assert curve is not None
    assert (curve["job_id"], curve["model"], curve["metric"], curve["period"]) == (
        job["id"],
        "eta",
        "mae",
        job["period"],
    )
    assert [point["rows"] for point in curve["points"]] == [124, 249, 499, 999, 1999]  # all but a week, by local days
    assert curve["points"][-1]["value"] == pytest.approx(0.8, abs=0.1)
    job = done(labelled, "backtest")
    found = labelled.backtest("eta")
    assert found is not None
    assert (found["job_id"], found["best"]) == (job["id"], "all")
    assert {row["name"] for row in found["rows"]} == {"all", "last 4w"}
    assert all(row["since"] is not None and row["since"].endswith("+01:00") for row in found["rows"])


@pytest.mark.slow
def test_what_cannot_be_studied_is_refused_in_words(labelled: Workspace) -> None:
    with pytest.raises(NotFoundError, match="there is no model 'nobody'"):
        labelled.study("nobody", "backtest")
    with pytest.raises(NotFoundError, match="there is no model 'nobody'"):
        labelled.backtest("nobody")
    with pytest.raises(WorkspaceError, match="no labelled row lies between"):
        labelled.study("eta", "learning_curve", since=datetime(2025, 1, 1, tzinfo=UTC))
