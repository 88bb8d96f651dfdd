"""``study``, ``curve`` and ``backtest`` on a real home."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from tests.support.tiny_workspace import DECLARATION, MODEL, REFERENCE_DAYS, START, rows, tiny

RIDGE = DECLARATION.replace("params = { max_iter = 5 }", 'estimator = "sklearn.linear_model.Ridge"')


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Four labelled weeks."""
    with tiny(tmp_path / "home", RIDGE) as ws:
        frame = rows(0, REFERENCE_DAYS)
        ws.workspace.log(MODEL, frame.drop(columns="truth"))
        ws.label(frame)
    return tmp_path / "home"


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


@pytest.mark.slow
def test_studies_are_made_and_shown(home: Path) -> None:
    assert (
        run(home, "curve", MODEL).stdout
        == f"no learning curve yet; make one with `driftdeck study {MODEL} learning_curve`\n"
    )
    assert run(home, "backtest", MODEL).stdout == f"no backtest yet; make one with `driftdeck study {MODEL} backtest`\n"
    assert json.loads(run(home, "backtest", MODEL, "--json").stdout) is None
    done = run(home, "study", MODEL, "learning_curve", "--since", START.isoformat())
    assert done.exit_code == 0, done.output
    assert f"of {MODEL}: succeeded" in done.stdout
    shown = run(home, "curve", MODEL).stdout.splitlines()
    assert shown[0].split() == ["rows", "mae", "from", "to", "seconds"]
    assert shown[-1] in done.stdout
    found = json.loads(run(home, "curve", MODEL, "--json").stdout)
    assert found["points"][-1]["rows"] == 21 * 60
    made = run(home, "study", MODEL, "backtest", "--until", (START + timedelta(days=28)).isoformat(), "--json")
    assert json.loads(made.stdout)["kind"] == "backtest"
    table = run(home, "backtest", MODEL).stdout.splitlines()
    assert table[1].startswith("*")
    assert json.loads(run(home, "backtest", MODEL, "--json").stdout)["best"] == "all"


@pytest.mark.slow
def test_a_study_that_fails_says_why_and_exits_so(home: Path) -> None:
    done = run(home, "study", MODEL, "backtest", "--until", (START + timedelta(days=10)).isoformat())
    assert done.exit_code == 1
    assert "reach back too little to try periods in the past" in done.stdout
    assert run(home, "study", MODEL, "magic").exit_code == 2
    waits = run(home, "study", MODEL, "backtest", "--no-wait")
    assert waits.exit_code == 2
    assert "needs a process that goes on" in waits.output
