"""Channels and deliveries: the same by the folder and by HTTP, with the same errors."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.remote import RemoteWorkspace
from service.workspace import ConflictError, NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, Owner, frame, opened
from tests.support.receivers import HttpReceiver, http_receiver

HOOK = """
[channels.hook]
url = "{url}"
allow_private = true
severity = ["page", "warning", "notice"]
digest = "weekly"
renotify = "7d"
timezone = "Europe/Berlin"
"""


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as made:
        yield made


@pytest.fixture(params=["local", "remote"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path, receiver: HttpReceiver) -> Iterator[Workspace]:
    with opened(request.param, tmp_path / "home") as workspace:
        workspace.apply(DECLARATION + HOOK.format(url=receiver.url))
        yield workspace


def test_channels_say_how_they_are_doing(workspace: Workspace, receiver: HttpReceiver) -> None:
    hook, team = workspace.channels()
    assert hook == {
        "name": "hook",
        "kind": "webhook",
        "place": "http://127.0.0.1",
        "severity": ["page", "warning", "notice"],
        "models": ["*"],
        "kinds": [],
        "digest": "weekly",
        "next_digest": "2024-03-04T08:00:00+01:00",
        "summary": None,
        "renotify": "7d",
        "heartbeat": None,
        "declared_in": "file",
        "waiting": 0,
        "failed": 0,
        "last_sent": None,
        "last_error": None,
    }
    assert (team["kind"], team["place"]) == ("apprise", "json://127.0.0.1")


def test_a_channel_is_tested(workspace: Workspace, receiver: HttpReceiver) -> None:
    done = workspace.test_channel("hook")
    assert (done["channel"], done["ok"], done["error"]) == ("hook", True, None)
    assert receiver.seen[0].document["title"] == "Test of the channel hook"
    refused = workspace.test_channel("team")
    assert not refused["ok"]
    assert "allow_private" in str(refused["error"])
    assert workspace.deliveries() == []
    with pytest.raises(NotFoundError, match="no channel 'nobody'; this workspace has: hook, team"):
        workspace.test_channel("nobody")
    assert [row["object"] for row in workspace.audit() if row["action"] == "test_channel"] == [
        "channels.team",
        "channels.hook",
    ]


@pytest.mark.slow
def test_what_was_found_is_told_and_drawn(workspace: Workspace, receiver: HttpReceiver) -> None:
    workspace.log("eta", frame(28))
    workspace.reference("eta", {"window": ["2024-01-01", "2024-01-29"]})
    workspace.log("eta", frame(28, shift=9, start=frame(28)["event_time"].max().to_pydatetime(), prefix="q"))
    workspace.run()
    assert receiver.arrived.acquire(timeout=30)
    found = workspace.deliveries(channel="hook")
    assert found
    assert {view["channel"] for view in found} == {"hook"}
    alert = str(found[-1]["alert_id"])
    assert workspace.deliveries(alert_id=alert, channel="hook", limit=1)[0]["alert_id"] == alert
    assert workspace.deliveries(alert_id="none") == []
    assert workspace.alert_picture(alert).startswith(b"\x89PNG")
    with pytest.raises(NotFoundError, match="no alert"):
        workspace.alert_picture("none")
    waiting = [view for view in workspace.deliveries(channel="team") if view["state"] == "waiting"]
    with pytest.raises(ConflictError, match="is waiting"):
        workspace.redeliver(waiting[0]["id"])
    with pytest.raises(NotFoundError, match="no message"):
        workspace.redeliver("none")
    with pytest.raises(WorkspaceError):
        workspace.deliveries(state="lost")


def _post(owner: Owner, text: str) -> httpx.Response:
    headers = {"authorization": "Bearer sesame", "content-type": "application/toml"}
    return httpx.post(f"{owner.url}/api/v1/apply", content=text, headers=headers)


def test_what_a_channel_reaches_is_the_operators(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "home")
    try:
        public = '\n[channels.c]\nurl = "https://example.com/hook"\n'
        assert _post(owner, public).status_code == 200
        for key in ("allow_private = true\n", 'secret = "x"\n', 'secret = "${HOME}"\n'):
            refused = _post(owner, public + key)
            assert refused.status_code == 422
            assert "declare it with the command line" in refused.json()["error"]
        with RemoteWorkspace(owner.url, secret="local") as operator:
            operator.apply(public + 'secret = "x"\nallow_private = true\n')
        elsewhere = public.replace("example.com", "evil.example") + 'secret = "x"\nallow_private = true\n'
        for changed in (public, elsewhere, public.replace("example.com", "evil.example")):
            assert _post(owner, changed).status_code == 422
        assert _post(owner, public + 'secret = "x"\nallow_private = true\n').json()["unchanged"] == ["channels.c"]
        with RemoteWorkspace(owner.url, secret="sesame") as visitor, pytest.raises(WorkspaceError):
            visitor.edit("channel", "c", {"url": "https://evil.example/"}, take_over=True)
    finally:
        owner.stop()


def test_a_picture_is_guarded_like_the_rest(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "home")
    try:
        assert httpx.get(f"{owner.url}/api/v1/alerts/a/picture.png").status_code == 401
        assert httpx.get(f"{owner.url}/api/v1/deliveries").status_code == 401
        asked = httpx.get(f"{owner.url}/api/v1/alerts/a/picture.png", headers={"authorization": "Bearer sesame"})
        assert (asked.status_code, "no alert" in asked.json()["error"]) == (404, True)
    finally:
        owner.stop()
