"""``silence``, ``unsilence``, ``silences``, ``comment`` and ``assign`` on a real home."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from monitors.conditions import Condition, group_of
from service.cli import app
from service.local import alert_moves
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, Clock, tiny


@pytest.fixture
def alert(tmp_path: Path) -> str:
    """A home whose model has one open alert; its id."""
    fact = Condition(
        kind="job", severity="warning", column=None, members=(), significant=False, material=True, harmful=False,
        headline="Source sales fails", message="It answered 500.", source="sales",
    )  # fmt: skip
    with tiny(tmp_path / "home", DECLARATION, Clock(LIVE)) as home:
        ((opened, _),) = alert_moves.stand(home.workspace.core, MODEL, [fact], {group_of("job", source="sales")})
    return opened.id


def run(tmp_path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(tmp_path / "home"), *words])


def answer(tmp_path: Path, *words: str) -> Any:
    done = run(tmp_path, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_alert_is_silenced_listed_and_speaks_again(tmp_path: Path, alert: str) -> None:
    assert run(tmp_path, "silences").stdout == "nothing is silenced; see `driftdeck silence --help`\n"
    done = run(tmp_path, "silence", "--alert", alert, "--for", "2d", "--comment", "the shop moves house")
    assert done.exit_code == 0
    assert done.stdout.rstrip().endswith(f"nobody is told of alert {alert}")
    (view,) = answer(tmp_path, "silences", "--active")
    assert (view["alert_id"], view["comment"], view["alerts"], view["actor"]) == (
        alert,
        "the shop moves house",
        [alert],
        "cli",
    )
    assert [found["id"] for found in answer(tmp_path, "alerts", "--state", "silenced")] == [alert]
    assert run(tmp_path, "unsilence", view["id"]).stdout == f"silence {view['id']} is over\n"
    assert answer(tmp_path, "silences", "--active") == []
    listed = run(tmp_path, "silences").stdout.splitlines()
    assert listed[0].split() == ["id", "state", "from", "until", "what", "alerts", "by", "why"]
    assert listed[1].split()[:2] == [view["id"], "over"]


def test_what_matches_is_silenced(tmp_path: Path, alert: str) -> None:
    which = ("--model", MODEL, "--kind", "job", "--severity", "warning")
    done = run(tmp_path, "silence", *which, "--until", "2099-01-01", "--from", "2098-06-01", "--comment", "far away")
    assert "nobody is told of eta, job, warning; 0 alerts are open" in done.stdout
    done = run(tmp_path, "silence", *which, "--for", "4h", "--comment", "now")
    assert "; 1 alert is open, and what opens meanwhile is silenced too" in done.stdout
    assert [view["state"] for view in answer(tmp_path, "silences")] == ["waiting", "active"]
    assert [found["id"] for found in answer(tmp_path, "alerts", "--state", "silenced")] == [alert]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--for", "2d"), "name what is to be silenced"),
        (("--model", "eta"), "give how long it lasts"),
        (("--model", "eta", "--for", "2d", "--until", "2099-01-01"), "give how long it lasts"),
        (("--model", "eta", "--for", "2 moons"), "is not understood"),
        (("--model", "eta", "--until", "soon"), "not an ISO 8601 time"),
    ],
)
def test_a_silence_that_says_too_little_or_too_much_is_refused(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = run(tmp_path, "silence", *words, "--comment", "why")
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_comment_and_an_owner_are_kept(tmp_path: Path, alert: str) -> None:
    assert run(tmp_path, "comment", alert, "it is the proxy").stdout == f"{alert} has 2 entries: Source sales fails\n"
    assert run(tmp_path, "assign", alert, "ada").stdout == f"ada is on {alert}: Source sales fails\n"
    assert run(tmp_path, "assign", alert).stdout == f"nobody is on {alert}: Source sales fails\n"
    found = answer(tmp_path, "comment", alert, "fixed")
    assert [event["comment"] for event in found["history"][1:]] == [
        "it is the proxy",
        "ada is on it",
        "nobody is on it",
        "fixed",
    ]
