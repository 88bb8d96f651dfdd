"""``declared``, ``set``, ``remove``, ``apply --take-over --prune``: who owns what, on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.workspace import ConflictError
from tests.support.homes import empty

FILE = """
[models.eta]
task = "regression"
features = { distance = "numeric", "city name" = "categorical" }

[channels.team]
url = "json://127.0.0.1/x"
"""


class Deck:
    """The command line on one home."""

    def __init__(self, folder: Path) -> None:
        self.home, self.file = empty(folder / "home"), folder / "driftdeck.toml"
        self.file.write_text(FILE, encoding="utf-8")
        self("apply", str(self.file))

    def __call__(self, *words: str) -> Any:
        done = CliRunner().invoke(app, [*words, "--home", str(self.home), "--json"])
        if isinstance(done.exception, Exception):
            raise done.exception
        return json.loads(done.stdout) if done.exit_code == 0 else done.exit_code


@pytest.fixture
def deck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deck:
    monkeypatch.delenv("DRIFTDECK_HOME", raising=False)
    return Deck(tmp_path)


def test_owners_are_listed(deck: Deck) -> None:
    assert [(each["kind"], each["name"], each["declared_in"]) for each in deck("declared")] == [
        ("model", "eta", "file"),
        ("channel", "team", "file"),
    ]
    told = CliRunner().invoke(app, ["declared", "--toml", "--home", str(deck.home)]).stdout
    assert "# team: owned by the file" in told
    assert '[channels.team]\nurl = "json://127.0.0.1/x"' in told


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("models.eta.monitor.tolerance=0.1", "monitor", {"tolerance": 0.1}),
        ("models.eta.monitor.window = 1w", "monitor", {"window": "1w"}),
        ('models.eta.features."city name"=text', "features", {"distance": "numeric", "city name": "text"}),
        ("models.eta.monitor.checks=['psi']", "monitor", {"checks": ["psi"]}),
        (
            "models.eta.monitor.overrides=[{check = 'psi', severity = 'off'}]",
            "monitor",
            {"overrides": [{"check": "psi", "severity": "off"}]},
        ),
        ("models.eta.owner=ana = bob", "owner", "ana = bob"),
        ("models.eta.label=''", "label", ""),
    ],
)
def test_values_are_written_as_in_a_file(deck: Deck, assignment: str, key: str, value: object) -> None:
    (made,) = deck("set", assignment, "--take-over")
    assert made["values"][key] == value
    assert made["declared_in"] == "dashboard"


def test_an_empty_value_takes_a_key_out(deck: Deck) -> None:
    deck("set", "models.eta.owner=ana", "models.eta.monitor.tolerance=0.1", "--take-over")
    (made,) = deck("set", "models.eta.owner=", "models.eta.monitor.tolerance=")
    assert set(made["values"]) == {"task", "features"}


@pytest.mark.parametrize("assignment", ["models.eta", "models.eta=1", "tolerance=1", "=1", "models..x=1"])
def test_what_is_no_assignment_is_wrong_usage(deck: Deck, assignment: str) -> None:
    assert deck("set", assignment, "--take-over") == 2


def test_the_owner_changes_only_when_asked(deck: Deck) -> None:
    with pytest.raises(ConflictError, match=r"models.eta is owned by a file.*--take-over"):
        deck("set", "models.eta.owner=ana")
    deck("set", "models.eta.owner=ana", "--take-over")
    with pytest.raises(ConflictError, match=r"models.eta was changed in the dashboard by cli"):
        deck("apply", str(deck.file))
    assert deck("apply", str(deck.file), "--take-over")["changed"] == ["models.eta"]


def test_things_are_taken_back(deck: Deck) -> None:
    with pytest.raises(ConflictError, match=r"channels.team is owned by a file"):
        deck("remove", "channels.team")
    assert deck("remove", "channels.team", "--take-over") == {"removed": "channels.team"}
    assert deck("remove", "channels") == 2
    deck.file.write_text(FILE.replace("team", "other"), encoding="utf-8")
    deck("apply", str(deck.file))
    deck.file.write_text(FILE.replace("team", "third"), encoding="utf-8")
    assert deck("apply", str(deck.file), "--prune")["removed"] == ["channels.other"]


def test_a_file_is_checked_with_all_that_it_holds(deck: Deck) -> None:
    deck.file.write_text(FILE + '[maintenance.night]\nschedule = "0 2 * * *"\n', encoding="utf-8")
    assert deck("check", str(deck.file)) == {
        "valid": True, "problems": [], "models": ["eta"], "channels": ["team"], "maintenance": ["night"], "sources": [],
    }  # fmt: skip
    deck.file.write_text(FILE + '[maintenance.night]\nschedul = "0 2 * * *"\n', encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(deck.file), "--json", "--home", str(deck.home)])
    assert done.exit_code == 1
    assert "line 9: maintenance.night.schedul: 'schedul' is not a key here; did you mean 'schedule'" in done.stdout
