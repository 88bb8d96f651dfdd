"""``driftdeck channels``, ``deliveries`` and ``redeliver`` on a real home; links that messages begin with."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service import endpoint
from service.cli import app
from service.local import links
from service.settings import SettingsError, load
from storage.home import Home
from tests.support.alert_home import MODEL, alert_home, channel
from tests.support.receivers import http_receiver


def run(tmp_path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(tmp_path / "home"), *words])


@pytest.mark.slow
def test_channels_and_deliveries_are_listed_tested_and_sent_again(tmp_path: Path) -> None:
    assert run(tmp_path, "channels").output.startswith("no channels yet; declare one under [channels.…]")
    with http_receiver() as receiver:
        (tmp_path / "driftdeck.toml").write_text(MODEL + channel("team", receiver.url, digest="daily"))
        assert run(tmp_path, "apply", str(tmp_path / "driftdeck.toml")).exit_code == 0
        listed = run(tmp_path, "channels").stdout.splitlines()
        assert listed[0].split()[:2] == ["channel", "place"]
        assert listed[1].split()[:2] == ["team", "http://127.0.0.1"]
        assert json.loads(run(tmp_path, "channels", "--json").stdout)[0]["digest"] == "daily"
        tested = run(tmp_path, "channels", "--test", "team")
        assert (tested.exit_code, "the test message was taken" in tested.stdout) == (0, True)
        receiver.status = 500
        tested = run(tmp_path, "channels", "--test", "team", "--json")
        assert (tested.exit_code, json.loads(tested.stdout)["ok"]) == (1, False)
        assert run(tmp_path, "deliveries").output == "no messages are like that\n"
        with alert_home(tmp_path / "home") as home:
            alert = home.fire()
            home.core.control.outbox_attempt(next(iter(home.states())), ok=False, error="no luck", at=home.clock.now)
        assert run(tmp_path, "deliveries", "--waiting", "--json").stdout.strip() == "[]"
        assert run(tmp_path, "deliveries", "--waiting", "--failed").exit_code == 2
        (failed,) = json.loads(run(tmp_path, "deliveries", "--failed", "--alert", alert.id, "--json").stdout)
        assert (failed["channel"], failed["attempts"][0]["error"]) == ("team", "no luck")
        assert "no luck" in run(tmp_path, "deliveries", "--channel", "team").stdout
        receiver.status = 204
        again = run(tmp_path, "redeliver", failed["id"])
        assert (again.exit_code, "sent" in again.stdout) == (0, True)
        assert run(tmp_path, "redeliver", failed["id"]).exit_code == 1


def test_links_begin_with_the_public_address_or_that_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with alert_home(tmp_path / "home") as home:
        assert links.base(home.core) is None
        endpoint.publish(Home(tmp_path / "home"), endpoint.Endpoint(1, "http://127.0.0.1:8501", "x"))
        assert links.base(home.core) == "http://127.0.0.1:8501"
        monkeypatch.setenv("DRIFTDECK_PUBLIC_URL", "https://drift.example.com/team/")
        assert links.base(home.core) == "https://drift.example.com/team"
        monkeypatch.setenv("DRIFTDECK_NONSENSE", "1")
        assert links.base(home.core) == "http://127.0.0.1:8501"
        assert "DRIFTDECK_NONSENSE" in caplog.text


@pytest.mark.parametrize(
    "value", ["drift.example.com", "ftp://x", "https://u:p@x", "https://x/?a=1", "https://x/#a", "javascript:1"]
)
def test_a_public_address_is_a_plain_web_address(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match=r"public_url|PUBLIC_URL"):
        load(tmp_path, {}, {"DRIFTDECK_PUBLIC_URL": value})
