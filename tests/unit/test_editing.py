"""One owner for everything declared: what is changed here, taken back, taken over, and what applying the file says then."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.declaration_file import DeclarationError
from service.declared_file import DeclaredFile
from service.local import LocalWorkspace
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from tests.support.homes import empty

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MODEL = """
[models.eta]
task = "regression"
[models.eta.features]
distance = "numeric"
"city name" = "categorical"
[models.eta.monitor]
tolerance = 0.2
[models.eta.monitor.alert_budget]
pages_per_year = 2
[[models.eta.monitor.overrides]]
check = "psi"
severity = "off"
"""
CHANNEL = '\n[channels.team]\nurl = "https://${HOOK}/x"\nsecret = "${HOOK}"\n'
MAINTENANCE = '\n[maintenance.night]\nschedule = "0 2 * * *"\n'
SOURCE = '\n[sources.files]\nmodel = "eta"\nread = "*.parquet"\n'
ALL = MODEL + CHANNEL + MAINTENANCE + SOURCE


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalWorkspace]:
    monkeypatch.setenv("HOOK", "s3cret-host")
    with LocalWorkspace.open(empty(tmp_path / "home"), now=lambda: NOW) as opened:
        opened.apply(ALL)
        yield opened


def owner(ws: LocalWorkspace, place: str) -> str:
    kind, name = place.split(".")
    return next(each["declared_in"] for each in ws.declared() if (each["kind"], each["name"]) == (kind, name))


def values(ws: LocalWorkspace, place: str) -> dict[str, Any]:
    kind, name = place.split(".")
    return next(each["values"] for each in ws.declared() if (each["kind"], each["name"]) == (kind, name))


def test_everything_declared_is_there_with_its_owner(ws: LocalWorkspace) -> None:
    ws.edit("maintenance", "mine", {"schedule": "0 3 * * *"}, actor="ana")
    found = {(each["kind"], each["name"]): (each["declared_in"], each["actor"]) for each in ws.declared()}
    assert found == {
        ("model", "eta"): ("file", "cli"),
        ("channel", "team"): ("file", "cli"),
        ("maintenance", "mine"): ("dashboard", "ana"),
        ("maintenance", "night"): ("file", "cli"),
        ("source", "files"): ("file", "cli"),
    }
    (channel,) = [each for each in ws.declared() if each["kind"] == "channel"]
    assert channel["values"] == {"url": "https://${HOOK}/x", "secret": "${HOOK}"}
    assert channel["toml"] == CHANNEL.lstrip()
    assert channel["changed_at"] == NOW.isoformat()


@pytest.mark.parametrize(
    "take", [lambda ws: ws.edit("model", "eta", {"monitor.tolerance": 0.1}), lambda ws: ws.remove("channels", "team")]
)
def test_what_a_file_owns_is_not_changed_here(ws: LocalWorkspace, take: Callable[[LocalWorkspace], Any]) -> None:
    before = ws.export()
    with pytest.raises(ConflictError, match="is owned by a file; change it there and apply it, or take it over"):
        take(ws)
    assert ws.export() == before
    assert [each["action"] for each in ws.audit()] == ["apply"]


def test_what_is_taken_over_is_not_put_back_by_the_file(ws: LocalWorkspace) -> None:
    ws.edit("model", "eta", {"monitor.tolerance": 0.1}, take_over=True, actor="ana")
    assert owner(ws, "model.eta") == "dashboard"
    with pytest.raises(ConflictError) as caught:
        ws.apply(ALL.replace("0 2 * * *", "0 4 * * *"))
    words = str(caught.value)
    assert "models.eta was changed in the dashboard by ana on 2026-11-22 12:00 UTC" in words
    assert "apply --take-over" in words
    assert values(ws, "maintenance.night") == {"schedule": "0 2 * * *"}  # all of it, or nothing
    again = ws.apply(ALL, take_over=True)
    assert again["changed"] == ["models.eta"]
    assert again["notes"] == ["models.eta is owned by the file from now on"]
    assert owner(ws, "model.eta") == "file"
    assert values(ws, "model.eta")["monitor"]["tolerance"] == 0.2


def test_a_file_that_says_what_the_dashboard_has_is_no_conflict(ws: LocalWorkspace) -> None:
    ws.edit("model", "eta", {"monitor.tolerance": 0.1}, take_over=True)
    same = ALL.replace("0.2", "0.1")
    assert "models.eta" in ws.apply(same)["unchanged"]
    assert owner(ws, "model.eta") == "dashboard"
    ws.apply(same, take_over=True)
    assert owner(ws, "model.eta") == "file"


def test_taking_over_without_a_change_is_a_change_of_owner(ws: LocalWorkspace) -> None:
    ws.edit("channel", "team", {}, take_over=True, actor="ana")
    assert owner(ws, "channel.team") == "dashboard"
    (entry,) = ws.audit(1)
    assert (entry["action"], entry["detail"]["taken_over"]) == ("edit", True)
    ws.edit("channel", "team", {}, actor="ana")
    assert ws.audit(1)[0]["seq"] == entry["seq"]  # nothing was done


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"monitor.alert_budget.pages_per_year": 5}, {"monitor": {"alert_budget": {"pages_per_year": 5.0}}}),
        ({'features."city name"': "text"}, {"features": {"city name": "text"}}),
        ({"features.'city name'": "text"}, {"features": {"city name": "text"}}),
        (
            {"monitor.overrides.0.severity": "notice"},
            {"monitor": {"overrides": [{"check": "psi", "severity": "notice"}]}},
        ),
        ({"monitor.overrides": []}, {"monitor": {"overrides": None}}),
        ({"monitor.overrides.0": None}, {"monitor": {"overrides": None}}),
        ({"monitor.tolerance": None}, {"monitor": {"tolerance": None}}),
        ({"monitor.alert_budget": None}, {"monitor": {"alert_budget": None}}),
        ({"monitor.rules.r": {"when": "mae > 1", "title": None}}, {"monitor": {"rules": {"r": {"when": "mae > 1"}}}}),
        ({"owner": "ana", "units.distance": "km"}, {"owner": "ana", "units": {"distance": "km"}}),
        ({"label": ""}, {"label": ""}),
        ({"nothing.there.0": None}, {}),
    ],
)
def test_keys_are_dotted_and_reach_everything(
    ws: LocalWorkspace, changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = ws.edit("model", "eta", changes, take_over=True)["values"]

    def holds(wanted: dict[str, Any], there: dict[str, Any]) -> None:
        for key, value in wanted.items():
            if value is None:
                assert key not in there
            elif isinstance(value, dict):
                holds(value, there[key])
            else:
                assert there[key] == value

    holds(expected, found)
    assert found == values(ws, "model.eta")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"monitor.tolernce": 1},
            "^models.eta.monitor.tolernce: 'tolernce' is not a key here; did you mean 'tolerance'",
        ),
        ({"monitor.overrides.0.sevrity": "off"}, "^models.eta.monitor.overrides.0.sevrity: .* did you mean 'severity'"),
        ({"monitor.overrides.0.severity": "offf"}, "did you mean 'off'"),
        ({"monitor.tolerance": "wide"}, "^models.eta.monitor.tolerance: 'wide' is not allowed"),
        ({"monitor.tolerance.more": 1}, "there is nothing at monitor.tolerance.more"),
        ({"monitor.overrides.7": {"severity": "off"}}, "there is nothing at monitor.overrides.7"),
        ({"monitor..tolerance": 1}, "is not a key"),
        ({"": 1}, "is not a key"),
        ({"a b": 1}, "is not a key"),
        ({"task": None}, "'task' is missing"),
        ({"monitor.schedule": "never"}, "^models.eta.monitor.schedule: schedule 'never' is not understood"),
        ({"monitor.timeout": "soon"}, "duration 'soon' is not understood"),
        ({"monitor.checks": ["psy"]}, "there is no column check 'psy'; did you mean 'psi'"),
        ({"name": "other"}, "^models.eta.name: 'name' is not a key here; the table has the name already"),
    ],
)
def test_what_a_file_may_not_say_cannot_be_edited_in(ws: LocalWorkspace, changes: dict[str, Any], words: str) -> None:
    before = ws.export()
    with pytest.raises(DeclarationError, match=words) as caught:
        ws.edit("models", "eta", changes, take_over=True)
    assert not re.search(r"line \d+", str(caught.value))
    assert ws.export() == before
    assert owner(ws, "model.eta") == "file"


def test_new_things_are_made_here(ws: LocalWorkspace) -> None:
    made = ws.edit("models", "fresh", {"task": "binary", "monitor.window": "1w"}, actor="ana")
    assert (made["kind"], made["declared_in"], made["actor"]) == ("model", "dashboard", "ana")
    assert "fresh" in {view["name"] for view in ws.models()}
    with pytest.raises(DeclarationError, match="the name 'Not Good' is not allowed"):
        ws.edit("models", "Not Good", {"task": "binary"})
    with pytest.raises(NotFoundError, match="there are models, channels, maintenance, sources"):
        ws.edit("tables", "x", {})


def test_the_trail_has_before_and_after_and_no_secret(ws: LocalWorkspace) -> None:
    changes = {"url": "https://other", "digest": "daily", "secret": "much too plain"}
    ws.edit("channel", "team", changes, take_over=True)
    (entry,) = ws.audit(1)
    assert (entry["actor"], entry["action"], entry["object"]) == ("cli", "edit", "channels.team")
    assert entry["detail"]["before"] == {"url": "(not kept here)", "secret": "(not kept here)"}
    assert entry["detail"]["after"] == {"url": "(not kept here)", "secret": "(not kept here)", "digest": "daily"}
    assert "plain" not in str(ws.audit())


def test_a_file_does_not_bring_back_what_was_taken_back(ws: LocalWorkspace) -> None:
    ws.remove("channel", "team", take_over=True, actor="ana")
    assert "channels" not in ws.export()
    with pytest.raises(
        ConflictError, match=r"channels.team was taken back in the dashboard by ana on 2026-11-22T12:00"
    ):
        ws.apply(ALL)
    assert "channels.team" in ws.apply(ALL, take_over=True)["created"]
    ws.remove("channel", "team", take_over=True)
    ws.edit("channel", "team", {"url": "https://mine"})
    ws.remove("channel", "team")  # its own: no file has a say in it any more
    assert "channels.team" in ws.apply(ALL)["created"]


@pytest.mark.parametrize(
    ("kind", "name", "error", "words"),
    [
        ("model", "eta", ConflictError, "models.eta stays: its rows, references and versions hang on it"),
        ("channel", "nobody", NotFoundError, "there is no channels.nobody; there are team"),
        ("tables", "x", NotFoundError, "nothing is declared as 'tables'"),
    ],
)
def test_what_cannot_be_taken_back_is_said(
    ws: LocalWorkspace, kind: str, name: str, error: type[WorkspaceError], words: str
) -> None:
    with pytest.raises(error, match=words):
        ws.remove(kind, name, take_over=True)


# -- who may -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "act",
    [
        lambda ws: ws.edit("source", "files", {"read": "/etc/*"}, take_over=True, actor="api@10.0.0.1"),
        lambda ws: ws.edit("source", "more", {"model": "eta", "read": "/etc/*"}, actor="api@10.0.0.1"),
        lambda ws: ws.edit("channel", "team", {"url": "https://evil/${HOOK}"}, take_over=True, actor="token@10.0.0.1"),
        lambda ws: ws.edit("channel", "own", {"url": "slack://T1/B1/c1?Template=/etc/own.json"}, actor="api@10.0.0.1"),
        lambda ws: ws.apply(
            '[channels.own]\nurl = "mailtos://a:b@example.com?pgppub=file:///k"\n', actor="api@10.0.0.1"
        ),
        lambda ws: ws.remove("source", "files", take_over=True, actor="session@10.0.0.1"),
        lambda ws: ws.apply(MODEL, prune=True, actor="api@10.0.0.1"),
    ],
)
def test_what_reaches_files_and_secrets_stays_with_the_operator(
    ws: LocalWorkspace, act: Callable[[LocalWorkspace], Any]
) -> None:
    before = ws.export()
    with pytest.raises(WorkspaceError, match="command line"):
        act(ws)
    assert ws.export() == before


# -- pruning -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("asked", [False, True])
def test_what_vanished_from_the_file_goes_only_when_asked(ws: LocalWorkspace, asked: bool) -> None:
    ws.edit("maintenance", "mine", {"schedule": "0 3 * * *"})
    other = '[models.second]\ntask = "none"\n[maintenance.day]\nschedule = "0 5 * * *"\n'
    found = ws.apply(other, prune=asked)
    names = {f"{each['kind']}.{each['name']}" for each in ws.declared()}
    kept = {"model.eta", "model.second", "maintenance.mine", "maintenance.day"}
    if asked:
        assert found["removed"] == ["channels.team", "maintenance.night", "sources.files"]
        assert names == kept
    else:
        assert names == kept | {"channel.team", "maintenance.night", "source.files"}
        assert found["notes"][0] == "not in this file, and left as they are: models.eta"
        assert found["notes"][1].startswith(
            "not in this file, and left as they are: maintenance.night; `apply --prune`"
        )


def test_a_file_asks_for_it_itself(ws: LocalWorkspace) -> None:
    assert ws.apply("prune = true\n" + MODEL)["removed"] == ["channels.team", "maintenance.night", "sources.files"]
    assert "prune" not in ws.export()


# -- the file that is watched ------------------------------------------------------------------------------------------
class Watched:
    """A declared file, looked at when the test says so."""

    def __init__(self, ws: LocalWorkspace, path: Path) -> None:
        self.ws, self.path = ws, path
        self.file = DeclaredFile(path, ws, lambda: NOW)
        ws.core.declared_file = self.file.state

    def write(self, text: str) -> bool:
        self.path.write_text(text, encoding="utf-8")
        return self.file.look()

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ws.health()["declaration"]
        return found


@pytest.fixture
def watched(ws: LocalWorkspace, tmp_path: Path) -> Watched:
    return Watched(ws, tmp_path / "driftdeck.toml")


def test_a_file_is_applied_when_its_content_changes(watched: Watched) -> None:
    assert watched.write(ALL)
    assert not watched.file.look()
    assert watched.health() == {"file": str(watched.path), "applied_at": NOW.isoformat(), "error": None, "notes": []}
    assert watched.write(ALL.replace("0.2", "0.3"))
    assert values(watched.ws, "model.eta")["monitor"]["tolerance"] == 0.3
    assert watched.ws.audit(1)[0]["actor"] == "declaration file"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            ALL.replace("tolerance", "tolernce"),
            "line 8: models.eta.monitor.tolernce: 'tolernce' is not a key here; did you mean 'tolerance'",
        ),
        ("[models", "not TOML"),
        (ALL.replace("${HOOK}/x", "${NOT_SET}/x"), "environment variable NOT_SET is not set"),
        ("\ud800", "is not UTF-8"),
    ],
)
def test_a_wrong_file_is_told_and_changes_nothing(
    watched: Watched, caplog: pytest.LogCaptureFixture, wrong: str, words: str
) -> None:
    watched.write(ALL)
    before = watched.ws.export()
    watched.path.write_bytes(wrong.encode("utf-8", "surrogatepass"))
    for _ in range(3):
        assert not watched.file.look()
    assert words in watched.health()["error"]
    assert watched.ws.export() == before
    assert len([record for record in caplog.records if "was not applied" in record.message]) == 1  # said once
    watched.write(ALL)
    assert watched.health()["error"] is None


def test_a_file_that_is_gone_is_told_and_changes_nothing(watched: Watched) -> None:
    watched.write(ALL)
    watched.path.unlink()
    assert not watched.file.look()
    assert "No such file" in watched.health()["error"]
    assert values(watched.ws, "channel.team")


def test_what_the_dashboard_took_over_is_told_and_tried_again_when_it_gives_it_back(watched: Watched) -> None:
    watched.write(ALL)
    watched.ws.edit("maintenance", "night", {"lasts": "3h"}, take_over=True, actor="ana")
    assert not watched.file.look()  # the file did not change, so nothing is taken from anybody
    assert watched.health()["error"] is None
    assert not watched.write(ALL.replace("0.2", "0.3"))
    assert "maintenance.night was changed in the dashboard by ana" in watched.health()["error"]
    watched.ws.edit("maintenance", "night", {"lasts": None})
    assert watched.file.look()
    assert watched.health()["error"] is None


def test_the_file_may_declare_what_only_the_operator_may(watched: Watched) -> None:
    watched.write(ALL.replace("*.parquet", "more/*.parquet"))
    assert values(watched.ws, "source.files")["read"] == "more/*.parquet"


def test_it_is_watched_for_as_long_as_the_process_serves(ws: LocalWorkspace, tmp_path: Path) -> None:
    path = tmp_path / "driftdeck.toml"
    path.write_text(ALL, encoding="utf-8")
    with DeclaredFile(path, ws, lambda: NOW, every=0.01) as file:
        assert file.state()["applied_at"] is not None
        path.write_text(ALL.replace("0.2", "0.3"), encoding="utf-8")
        end = datetime.now(UTC) + timedelta(seconds=30)
        while values(ws, "model.eta")["monitor"]["tolerance"] != 0.3:
            assert datetime.now(UTC) < end
