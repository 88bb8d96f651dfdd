"""Triggers and a training done again, of a workspace that opens the folder and of one that speaks HTTP to its owner."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service.workspace import NotFoundError, Workspace
from tests.contract.test_workspace_contract import DECLARATION, frame, opened

RETRAIN = """
[models.eta.retrain]
trigger = ["alert", "labels", "schedule", "age"]
after_labels = 1000000
schedule = "every 7d"
max_age = "30d"
"""


@pytest.fixture(scope="module", params=["local", "remote"])
def triggered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with opened(request.param, tmp_path_factory.mktemp("triggered") / "home") as workspace:
        workspace.apply(DECLARATION + RETRAIN)
        workspace.log("eta", frame(days=7, start=datetime(2024, 2, 1, tzinfo=UTC)))
        yield workspace


@pytest.mark.slow
def test_each_declared_trigger_says_how_it_stands(triggered: Workspace) -> None:
    found = {view["trigger"]: view for view in triggered.triggers("eta")}
    assert set(found) == {"alert", "labels", "schedule", "age"}
    assert {view["model"] for view in found.values()} == {"eta"}
    assert found["labels"]["progress"] is not None
    assert found["schedule"]["sentence"].startswith("Next every 7d: 2024-03-08")
    planned = {entry["schedule"] for entry in triggered.schedule() if entry["kind"] == "retrain"}
    assert planned == {"every 7d", "after 1,000,000 labels", "at an age of 30d"}


@pytest.mark.slow
def test_what_there_is_not_is_not_found(triggered: Workspace) -> None:
    with pytest.raises(NotFoundError, match="there is no model 'nothing'"):
        triggered.triggers("nothing")
    with pytest.raises(NotFoundError, match="no job 'nothing'"):
        triggered.retrain_again("nothing")
