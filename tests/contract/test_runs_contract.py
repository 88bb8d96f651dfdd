"""Runs that are begun by hand, listed and cancelled, and the schedule: the same in the folder and over HTTP."""

import time
from datetime import timedelta

import pytest

from service.workspace import ConflictError, NotFoundError, Workspace
from tests.contract.test_workspace_contract import DECLARATION, START, frame, workspace

__all__ = ["workspace"]  # the fixture


def test_runs_are_begun_listed_and_cancelled_and_the_schedule_is_told(workspace: Workspace) -> None:
    workspace.apply(DECLARATION.replace('window = "1w"', 'window = "1w"\nmultivariate = []\nestimate = false'))
    workspace.reference("eta", frame())
    workspace.log("eta", frame(14, start=START + timedelta(days=42), prefix="q"))
    begun = workspace.start_run("eta", actor="anna")
    assert (begun["model"], begun["trigger"]) == ("eta", "manual")
    while (view := workspace.runs("eta")[0])["state"] == "running":
        assert view["run_id"] == begun["run_id"]
        time.sleep(0.05)
    assert (view["state"], view["windows_done"], view["error"]) == ("done", view["windows_total"], None)
    assert view.keys() == begun.keys()
    workspace.run("eta")
    assert [run["windows_done"] for run in workspace.runs(limit=1)] == [0]
    assert [run["run_id"] for run in workspace.runs("eta")][1:] == [begun["run_id"]]
    with pytest.raises(ConflictError, match="no run of model 'eta' is under way"):
        workspace.cancel_run("eta")
    for call in (workspace.start_run, workspace.cancel_run, workspace.runs):
        with pytest.raises(NotFoundError, match="no model 'ate'"):
            call("ate")
    (entry,) = workspace.schedule()
    assert (entry["name"], entry["kind"], entry["last_state"], entry["late"]) == ("eta", "monitor", "ok", False)
    assert entry["last_run"] == workspace.runs()[0]["started_at"]
    assert any(told["action"] == "run" and told["object"] == "eta" for told in workspace.audit())
