"""What both workspaces tell of versions, write out and let go; taking in is the operator's own command."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

from service.api.app import api_routes
from service.cli import app
from service.local import LocalWorkspace
from service.settings import Settings
from service.workspace import ConflictError, NotFoundError, Workspace
from tests.contract.test_workspace_contract import NOW, opened

DECLARATION = '[models.eta]\ntask = "regression"\n[models.eta.features]\nx = "numeric"\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions: v1 let go by the first test that asks, v2 to be rolled back to, v3 champion."""
    folder = tmp_path_factory.mktemp("registry")
    values = pd.DataFrame({"x": range(200)})
    times = pd.date_range("2024-01-01", periods=200, freq="1h", tz="UTC")
    rows = values.assign(prediction_id=[f"r{i}" for i in range(200)], event_time=times, prediction=0.0)
    skops.io.dump(LinearRegression().fit(values, 2.0 * values["x"]), folder / "m.skops")
    with LocalWorkspace.open(folder / "home", now=lambda: NOW) as ws:
        ws.apply(DECLARATION)
        ws.log("eta", rows)
        for number in (1, 2, 3):
            ws.import_version("eta", folder / "m.skops", actor="ana")
            ws.deploy("eta", f"v{number}", role="champion", actor="ana")
    return folder / "home"


@pytest.fixture(params=["local", "remote"])
def workspace(request: pytest.FixtureRequest, home: Path) -> Iterator[Workspace]:
    with opened(request.param, home) as workspace:
        yield workspace


def test_lineage_is_told(workspace: Workspace) -> None:
    view = workspace.lineage("eta", "v3")
    assert (view["origin"], view["created_by"], view["artefact_format"]) == ("imported", "ana", "skops")
    assert [event["role"] for event in view["deployments"]] == ["champion"]
    latest = workspace.deployments("eta")[0]
    assert (latest["version"], latest["role"]) == ("v3", "champion")
    assert latest["at"] >= workspace.deployments("eta")[-1]["at"]
    with pytest.raises(NotFoundError, match="has no version 'v9'; it has: v1, v2, v3"):
        workspace.lineage("eta", "v9")


def test_versions_are_written_out(workspace: Workspace, home: Path) -> None:
    path = workspace.export_version("eta", "v3", "parameters")
    assert path.parent == home / "exports"
    assert json.loads(path.read_text())["terms"] == [
        {"feature": "x", "per_unit": [pytest.approx(2.0)], "missing": None}
    ]
    assert workspace.export_version("eta", "v3", "artefact").read_bytes() == (home.parent / "m.skops").read_bytes()


def test_old_artefacts_are_let_go_once(workspace: Workspace) -> None:
    gone = workspace.prune_versions("eta", keep=0, actor="ana")
    assert [entry["version"] for entry in gone] in (["v1"], [])
    assert workspace.prune_versions("eta", keep=0) == []
    with pytest.raises(ConflictError, match="the artefact of v1 was deleted"):
        workspace.deploy("eta", "v1", role="shadow")


def test_nothing_is_taken_in_over_http(home: Path) -> None:
    with (
        opened("remote", home) as remote,
        pytest.raises(ConflictError, match=r"stop it, import the model, and start it again"),
    ):
        remote.import_version("eta", home.parent / "m.skops")


def test_the_api_sends_the_file(home: Path) -> None:
    with (
        LocalWorkspace.open(home, now=lambda: NOW) as ws,
        TestClient(Starlette(routes=api_routes(ws, Settings()))) as client,
    ):
        base = "/api/v1/models/eta/versions/v3"
        sent = client.get(f"{base}/export", params={"format": "parameters"})
        assert (sent.headers["content-type"], sent.json()["answer"]) == ("application/json", "identity")
        assert "eta-v3.json" in sent.headers["content-disposition"]
        assert client.get(f"{base}/export").content == (home.parent / "m.skops").read_bytes()
        assert client.get(f"{base}/export", params={"format": "pmml"}).status_code in {400, 422}
        assert client.get(f"{base}/lineage").json()["artefact_bytes"] > 0


def test_the_commands(home: Path, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["--home", str(home), *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    made = json.loads(
        run("import", "eta", str(home.parent / "m.skops"), "--version", "mine", "--comment", "by hand", "--json")
    )
    assert (made["version"], made["trainer"]) == ("mine", "imported")
    assert json.loads(run("lineage", "eta", "mine", "--json"))["reason"] == "by hand"
    assert "trained elsewhere (by hand)" in run("lineage", "eta", "mine")
    target = tmp_path / "eta.json"
    run("export-version", "eta", "mine", "--format", "parameters", "--to", str(target))
    assert json.loads(target.read_text())["version"] == "mine"
    assert "mine" in run("versions", "eta")
    assert json.loads(run("prune-versions", "eta", "--keep", "5", "--json")) == []
