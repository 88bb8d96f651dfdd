"""``driftdeck columns`` and ``driftdeck relation``, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.local import LocalWorkspace
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Clock, rows, tiny

PLAIN = DECLARATION.replace('label = "truth"', 'label = "truth"\nunits = { distance = "km", truth = "min" }')
BARE = '[models.bare]\ntask = "regression"\nprediction = "guess"\n[models.bare.features]\nx = "numeric"\n'
AFTER = LIVE + timedelta(days=2, hours=12)


class Told(NamedTuple):
    code: int
    out: str
    err: str


Ask = Callable[..., Told]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of which the second lies elsewhere, and a model of which nothing is known."""
    made = tmp_path_factory.mktemp("columns") / "home"
    with tiny(made, PLAIN + BARE, Clock(AFTER)) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        ws.log_days(0)
        ws.log_days(1, shift=3.0, bias=5.0)
        ws.workspace.run(MODEL)
    return made


@pytest.fixture
def ask(home: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    clock = Clock(AFTER)
    opened = LocalWorkspace.open
    monkeypatch.setattr(LocalWorkspace, "open", lambda folder, **more: opened(folder, **{**more, "now": clock}))

    def asked(*words: str) -> Told:
        done = CliRunner().invoke(app, ["--home", str(home), *words])
        return Told(done.exit_code, done.stdout, done.stderr or str(done.exception or ""))

    return asked


def cells(line: str) -> list[str]:
    return [cell for cell in line.split("  ") if cell.strip()]


def test_columns_are_a_table_or_json(ask: Ask) -> None:
    done = ask("columns", MODEL, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert [each["name"] for each in found][:2] == ["distance", "city"]
    by_name = {each["name"]: each for each in found}
    assert (by_name["distance"]["type"], by_name["distance"]["kind"], by_name["distance"]["unit"]) == (
        "numeric", "feature", "km",
    )  # fmt: skip
    told = ask("columns", MODEL).out.splitlines()
    assert told[0].split() == ["column", "kind", "type", "unit"]
    assert len([line for line in told if line.strip()]) >= len(found) + 1
    assert any(line.split()[:4] == ["distance", "feature", "numeric", "km"] for line in told)


def test_a_model_without_a_reference_has_no_columns_yet_and_a_way_on(ask: Ask) -> None:
    assert json.loads(ask("columns", "bare", "--json").out) == []
    done = ask("columns", "bare")
    assert done.code == 0
    assert "driftdeck reference bare FILE" in done.out


def test_a_relation_is_a_table_or_json(ask: Ask) -> None:
    done = ask("relation", MODEL, "distance", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert sum(bar["n"] for bar in found["bars"]) == 60
    told = ask("relation", MODEL, "distance").out
    lines = [line for line in told.splitlines() if line.strip()]
    assert lines[0].startswith("distance")
    assert "reference rows" in lines[0]
    assert len([line for line in lines if " to " in line]) >= 1, "each mean has its interval"
    assert {bar["label"] for bar in found["bars"]} == {
        bar["label"] for bar in found["bars"] if any(line.startswith(bar["label"]) for line in lines)
    }


def test_the_window_can_be_chosen(ask: Ask) -> None:
    latest, first = (
        json.loads(ask("relation", MODEL, "distance", "--json", *more).out)
        for more in ((), ("--window", LIVE.isoformat()))
    )
    assert latest["bars"] != first["bars"]
    far = [max(place for place, bar in enumerate(found["bars"]) if bar["n"]) for found in (first, latest)]
    assert far[0] <= far[1], "the second day lies further off"


def test_a_column_by_which_nothing_is_predicted_is_said_to_be_none(ask: Ask) -> None:
    assert json.loads(ask("relation", MODEL, "error given inputs", "--json").out) is None
    assert "is no input and no prediction" in ask("relation", MODEL, "error given inputs").out


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("columns", "eat"), ["'eat'", MODEL, "bare"]),
        (("relation", "eat", "distance"), ["'eat'", MODEL, "bare"]),
        (("relation", MODEL, "distanse"), ["'distanse'", "distance", "city"]),
        (("relation", MODEL, "distance", "--window", "soon"), ["soon"]),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_is_not_there_is_named_with_what_is(
    ask: Ask, words: tuple[str, ...], names: list[str], form: tuple[str, ...]
) -> None:
    done = ask(*words, *form)
    assert done.code != 0
    assert done.out == ""
    assert all(name in done.err for name in names), done.err
