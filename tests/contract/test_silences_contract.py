"""Silences, comments and owners, of a workspace that opens the folder and of one that speaks HTTP to its owner."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.views import AlertView
from service.workspace import ConflictError, NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, NOW, frame, opened

MAINTENANCE = """
[maintenance.upgrade]
models = ["e*", "other"]
starts = 2024-02-29T23:00:00Z
ends = 2024-03-01T06:00:00Z
comment = "The cluster is upgraded"
"""
DAY = timedelta(days=1)


@pytest.fixture(scope="module", params=["local", "remote"])
def alarmed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """One with an open alert, for everything that leaves it as it was."""
    with opened(request.param, tmp_path_factory.mktemp("alarmed") / "home") as workspace:
        workspace.apply(DECLARATION)
        workspace.reference("eta", frame())
        current = frame(days=21, shift=8, start=datetime(2024, 2, 1, tzinfo=UTC), prefix="c")
        workspace.log("eta", current)
        workspace.label("eta", current[["prediction_id", "truth"]])
        workspace.run()
        yield workspace


@pytest.fixture(params=["local", "remote"])
def quiet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened(request.param, tmp_path / "home") as workspace:
        workspace.apply(DECLARATION)
        yield workspace


def first(workspace: Workspace) -> AlertView:
    return next(alert for alert in workspace.alerts("eta") if alert["state"] != "resolved")


@pytest.mark.slow
def test_a_comment_is_kept_in_the_history_and_changes_nothing_else(alarmed: Workspace) -> None:
    before = first(alarmed)
    seen = alarmed.comment(before["id"], "  the depot moved  ", actor="ada")
    assert (seen["state"], seen["severity"], seen["owner"]) == (before["state"], before["severity"], before["owner"])
    last = seen["history"][-1]
    assert (last["comment"], last["action"], last["state"]) == ("the depot moved", "comment", before["state"])
    with pytest.raises(WorkspaceError, match="a comment needs words"):
        alarmed.comment(before["id"], " ")
    with pytest.raises(NotFoundError, match="no alert 'none'"):
        alarmed.comment("none", "hello")


@pytest.mark.slow
def test_somebody_is_on_it_and_then_nobody(alarmed: Workspace) -> None:
    alert = first(alarmed)
    assert alarmed.assign(alert["id"], "ada@example.com")["owner"] == "ada@example.com"
    free = alarmed.assign(alert["id"], None)
    assert (free["owner"], free["history"][-1]["comment"]) == (None, "nobody is on it")
    with pytest.raises(WorkspaceError, match="leave it out for nobody"):
        alarmed.assign(alert["id"], " ")


@pytest.mark.slow
def test_an_alert_is_silenced_and_speaks_again(alarmed: Workspace) -> None:
    alert = first(alarmed)
    silence = alarmed.silence(ends=NOW + DAY, comment="known", alert_id=alert["id"])
    assert (silence["state"], silence["alerts"], silence["model"]) == ("active", [alert["id"]], "eta")
    seen = alarmed.alert(alert["id"])
    assert (seen["state"], seen["silence_id"]) == ("silenced", silence["id"])
    assert [found["id"] for found in alarmed.alerts(state="silenced")] == [alert["id"]]
    model = alarmed.model("eta")
    assert model["silenced"] == 1
    assert model["headline"] != alert["headline"], "what is silenced makes no model red"
    over = alarmed.unsilence(silence["id"])
    assert (over["state"], over["alerts"]) == ("over", [])
    assert over["ended_by"]
    again = alarmed.alert(alert["id"])
    assert (again["state"], again["silenced_until"]) == (alert["state"], None)
    assert [event["action"] for event in again["history"][-2:]] == ["silence", "unsilence"]
    assert silence["id"] in {view["id"] for view in alarmed.silences()}
    assert silence["id"] not in {view["id"] for view in alarmed.silences(active=True)}
    with pytest.raises(ConflictError, match="is over since"):
        alarmed.unsilence(silence["id"])


def test_a_silence_needs_an_end_to_come_a_reason_and_names_that_are_known(quiet: Workspace) -> None:
    for asked, words in (
        ({"ends": NOW, "comment": "why"}, "has passed"),
        ({"ends": NOW + DAY, "starts": NOW + 2 * DAY, "comment": "why"}, "before it begins"),
        ({"ends": NOW + 900 * DAY, "comment": "why"}, "366 days at most"),
        ({"ends": NOW + DAY, "comment": " "}, "needs words"),
        ({"ends": NOW + DAY, "comment": "why", "kind": "weather"}, "choose one of data_drift"),
        ({"ends": NOW + DAY, "comment": "why", "severity": "mild"}, "choose one of notice"),
        ({"ends": NOW + DAY, "comment": "why", "model": "nobody"}, "no model 'nobody'"),
        ({"ends": NOW + DAY, "comment": "why", "alert_id": "none"}, "no alert 'none'"),
    ):
        with pytest.raises(WorkspaceError, match=words):
            quiet.silence(**asked)  # type: ignore[arg-type]
    assert quiet.silences() == []
    with pytest.raises(NotFoundError, match="no silence 'none'"):
        quiet.unsilence("none")


def test_a_silence_to_come_waits(quiet: Workspace) -> None:
    view = quiet.silence(
        starts=NOW + DAY, ends=NOW + 2 * DAY, comment="a holiday", model="e*", kind="data_drift", column="a*"
    )
    assert (view["state"], view["alerts"], view["kind"], view["column"]) == ("waiting", [], "data_drift", "a*")
    assert [found["id"] for found in quiet.silences(active=True)] == [view["id"]]


def test_declared_maintenance_is_a_silence_and_ends_where_it_is_declared(quiet: Workspace) -> None:
    quiet.apply(DECLARATION + MAINTENANCE)
    (view,) = quiet.silences(active=True)
    assert (view["maintenance"], view["state"], view["model"]) == ("upgrade", "active", "e*, other")
    assert view["comment"] == "The cluster is upgraded"
    with pytest.raises(ConflictError, match="change it where it is declared"):
        quiet.unsilence(view["id"])
