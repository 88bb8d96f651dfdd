"""The gate's report and the rules it keeps, of a workspace that opens the folder and of one that speaks HTTP to its owner."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.workspace import NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, NOW, START, Owner, frame, opened

RULES = DECLARATION.replace('[channels.team]\nurl = "json://127.0.0.1/x"\n', "") + (
    '[models.eta.retrain]\nestimator = "sklearn.linear_model.Ridge"\n'
    'must = [{ metric = "rmse", allowed = 0.1 }, { metric = "mae", segment = "city name=Łódź", allowed = 0.2 }]\n'
)
HOSTILE = '</td><script>alert(1)</script>"\u202e'


def retrained(workspace: Workspace) -> str:
    job = workspace.retrain("eta")
    end = time.monotonic() + 120
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < end, job["log"]
        time.sleep(0.1)
        job = workspace.job(job["id"])
    assert job["version"] is not None, job["error"]
    return job["version"]


def fill(workspace: Workspace) -> None:
    workspace.apply(RULES)
    rows = frame().replace({"city name": {'O\'Hare "x"': HOSTILE}})
    workspace.log("eta", rows.drop(columns="truth"))
    workspace.label("eta", rows[["prediction_id", "truth"]])
    workspace.deploy("eta", retrained(workspace))
    later = frame(28, start=START + (NOW - START) * 56 / 60, prefix="q").replace(
        {"city name": {'O\'Hare "x"': HOSTILE}}
    )
    workspace.log("eta", later.drop(columns="truth"))
    workspace.label("eta", later[["prediction_id", "truth"]])
    retrained(workspace)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gated") / "home"
    with opened("local", folder) as workspace:
        fill(workspace)
    return folder


@pytest.fixture(params=["local", "remote"])
def gated(request: pytest.FixtureRequest, home: Path) -> Iterator[Workspace]:
    with opened(request.param, home) as workspace:
        yield workspace


@pytest.mark.slow
def test_the_report_is_one_page_of_text_that_asks_for_nothing(gated: Workspace) -> None:
    found = {view["version"]: view for view in gated.versions("eta")}
    page = gated.gate_report("eta", "v2").read_text("utf-8")
    assert "Gate of eta v2" in page
    assert "v1 (champion)" in page
    assert found["v2"]["gate_sentence"].split(".")[0] in page
    assert "must: root mean squared error" in page
    assert "must: mean absolute error, city name=Łódź" in page
    assert "improvement on a linear model" in page
    assert page.count("<svg") > 5
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    for reach in ("http://", "https://", "src=", "href=", "@import", "url("):
        assert reach not in page
    names = [row["name"] for row in found["v2"]["gate"]]
    assert "must: mean absolute error, city name=Łódź" in names
    first = gated.gate_report("eta", "v1").read_text("utf-8")
    assert "There was no champion to compare with" in first
    with pytest.raises(NotFoundError, match="v9"):
        gated.gate_report("eta", "v9")
    with pytest.raises(NotFoundError, match="nobody"):
        gated.gate_report("nobody", "v1")


@pytest.mark.slow
def test_a_rule_of_what_there_is_not_is_refused_with_what_there_is(gated: Workspace) -> None:
    for old, new, words in (
        ('metric = "rmse"', 'metric = "rsme"', r"no metric 'rsme'.*did you mean 'rmse'"),
        ('segment = "city name=Łódź"', 'segment = "city=Łódź"', r"segment 'city=Łódź' is of no declared column"),
        ('metric = "rmse"', 'metric = "recall"', r"no metric 'recall'"),
    ):
        with pytest.raises(WorkspaceError, match=words):
            gated.apply(RULES.replace(old, new))


@pytest.mark.slow
def test_the_command_shows_the_gate_and_writes_the_report(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "gate.html"
    shown = CliRunner().invoke(app, ["--home", str(home), "gate", "eta", "v2", "--html", str(file)])
    assert shown.exit_code == 0, shown.output
    assert "mean absolute error" in shown.stdout
    assert file.read_text("utf-8").startswith("<!doctype html>")
    told = json.loads(CliRunner().invoke(app, ["--home", str(home), "--json", "gate", "eta", "v2"]).stdout)
    assert told["verdict"] in ("passed", "warned", "failed")
    assert {"name", "lower", "upper", "verdict"} <= told["rows"][0].keys()
    assert told["report"] is None


@pytest.mark.slow
def test_over_http_the_page_can_do_nothing(home: Path) -> None:
    owner = Owner(home)
    try:
        answer = httpx.get(
            f"{owner.url}/api/v1/models/eta/versions/v2/report", headers={"authorization": "Bearer sesame"}
        )
    finally:
        owner.stop()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
