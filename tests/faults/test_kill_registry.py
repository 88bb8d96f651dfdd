"""kill -9 while models are taken in and let go: what was registered is whole, and doing it again finishes what was begun."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from service.local import LocalWorkspace
from storage.faults import VARIABLE

DECLARATION = '[models.m]\ntask = "regression"\n[models.m.features]\nx = "numeric"\n'
TIMES = pd.date_range("2024-01-01", periods=300, freq="1h", tz="UTC")
ROWS = pd.DataFrame(
    {"prediction_id": [f"r{i}" for i in range(300)], "event_time": TIMES, "x": range(300), "prediction": 0.0}
)


@pytest.fixture
def home(tmp_path):
    with LocalWorkspace.open(tmp_path / "home", now=lambda: datetime(2024, 2, 1, tzinfo=UTC)) as ws:
        ws.apply(DECLARATION)
        ws.log("m", ROWS)
        ws.label("m", pd.DataFrame({"prediction_id": ROWS["prediction_id"], "label": ROWS["x"] * 2.0}))
        skops.io.dump(LinearRegression().fit(ROWS[["x"]], ROWS["x"] * 2.0), tmp_path / "m.skops")
        for _ in range(3):
            ws.import_version("m", tmp_path / "m.skops")
        ws.deploy("m", "v3", role="champion")
    return tmp_path / "home"


def command(home, *words, fault=""):
    main = [sys.executable, "-c", "from service.cli import main; main()"]
    done = subprocess.run(
        [*main, "--home", str(home), *words],
        env=os.environ | {VARIABLE: fault},
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode


def check(home):
    """Every version whose artefact was not let go answers; no half file lies about."""
    with LocalWorkspace.open(home) as ws:
        for record in ws.core.control.versions("m"):
            path = ws.core.home.artefacts / record["artefact"]
            if path.exists():
                assert ws.export_version("m", record["version"], "artefact").read_bytes() == path.read_bytes()
        assert ws.predict("m", [{"x": 4.0}])[0]["prediction"] == pytest.approx(8.0)
        return [record["version"] for record in ws.core.control.versions("m")], len(ws.references("m"))


@pytest.mark.slow
@pytest.mark.parametrize("point", ["import.after_artefact", "import.after_reference", "control.before_commit"])
def test_a_kill_while_a_model_is_taken_in(home, tmp_path, point):
    words = ("import", "m", str(tmp_path / "m.skops"))
    assert command(home, *words, fault=f"{point}=kill") == -signal.SIGKILL
    assert check(home)[0] == ["v1", "v2", "v3"]
    assert command(home, *words) == 0
    assert check(home) == (["v1", "v2", "v3", "v4"], 4)  # the reference that was frozen before the kill is the one


@pytest.mark.slow
@pytest.mark.parametrize("passage", [1, 2])
def test_a_kill_while_artefacts_are_let_go(home, passage):
    words = ("prune-versions", "m", "--keep", "0")
    assert command(home, *words, fault=f"prune.after_record=kill@{passage}") == -signal.SIGKILL
    assert check(home)[0] == ["v1", "v2", "v3"]
    assert command(home, *words) == 0
    with LocalWorkspace.open(home) as ws:
        left = [
            record["version"]
            for record in ws.core.control.versions("m")
            if (ws.core.home.artefacts / record["artefact"]).exists()
        ]
        assert left == ["v3"]
        assert {entry["object"] for entry in ws.audit() if entry["action"] == "prune"} == {"m/v1", "m/v2"}
