"""Reports and the week, of a workspace that opens the folder and of one that speaks HTTP to its owner, over HTTP and on the command line."""

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.workspace import NotFoundError, Workspace, WorkspaceError
from tests.contract.test_workspace_contract import DECLARATION, NOW, START, Owner, frame, opened

ALONE = DECLARATION.replace('[channels.team]\nurl = "json://127.0.0.1/x"\n', "")
INSIDE = START + timedelta(days=37)


def fill(workspace: Workspace) -> None:
    workspace.apply(ALONE)
    rows = frame()
    workspace.log("eta", rows.drop(columns="truth"))
    workspace.label("eta", rows[["prediction_id", "truth"]])
    workspace.reference("eta", (START.isoformat(), (START + timedelta(days=28)).isoformat()))
    workspace.run("eta")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reported") / "home"
    with opened("local", folder) as workspace:
        fill(workspace)
    return folder


@pytest.fixture(params=["local", "remote"])
def judged(request: pytest.FixtureRequest, home: Path) -> Iterator[Workspace]:
    with opened(request.param, home) as workspace:
        yield workspace


@pytest.fixture
def owner(home: Path) -> Iterator[Owner]:
    made = Owner(home)
    try:
        yield made
    finally:
        made.stop()


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


def get(owner: Owner, path: str, **params: str) -> httpx.Response:
    return httpx.get(f"{owner.url}{path}", params=params, headers={"authorization": "Bearer sesame"}, timeout=60)


# -- the workspace -----------------------------------------------------------------------------------------------------
def test_a_report_has_the_readings_of_its_window(judged: Workspace) -> None:
    report = judged.report("eta", window=INSIDE)
    assert report["scope"] == "window"
    assert report["drift"]
    table = {row["column"]: row["value"] for row in judged.drift_table("eta", INSIDE)}
    assert {row["column"]: row["value"] for row in report["drift"]} == table
    shown = [point for point in judged.performance("eta") if point["end"] <= report["end"]][-12:]
    assert report["performance"] == shown
    assert report["metrics"] == judged.performance_detail("eta", *window(judged))["metrics"]


def window(workspace: Workspace) -> tuple[datetime, datetime]:
    found = next(w for w in workspace.windows("eta") if datetime.fromisoformat(w["end"]) > INSIDE)
    return datetime.fromisoformat(found["start"]), datetime.fromisoformat(found["end"])


def test_a_range_is_told_as_one(judged: Workspace) -> None:
    whole = judged.report("eta")
    assert whole["scope"] == "range"
    assert whole["windows"] == judged.windows("eta")
    later = judged.report("eta", since=INSIDE)
    assert later["windows"] == [w for w in whole["windows"] if w in later["windows"]][-len(later["windows"]) :]
    assert len(later["windows"]) < len(whole["windows"])


def test_what_is_not_there_is_said_in_words(judged: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"no window of 'eta' lies at 2030.*its windows go from"):
        judged.report("eta", window=INSIDE.replace(year=2030))
    with pytest.raises(NotFoundError, match="there is no model 'eat'"):
        judged.report("eat")
    with pytest.raises(NotFoundError, match="there is no model 'eat'"):
        judged.evidently_making("eat", INSIDE)
    with pytest.raises(WorkspaceError, match="give one of the two"):
        judged.report("eta", window=INSIDE, until=NOW)


def test_the_week_counts_rows_and_labels(judged: Workspace) -> None:
    found = judged.summary(date(2024, 2, 7))
    assert (found["start"], found["end"]) == ("2024-02-05T00:00:00+01:00", "2024-02-12T00:00:00+01:00")
    [model] = found["models"]
    ended = [w for w in judged.windows("eta") if found["start"] < w["end"] <= found["end"]]
    assert model["rows"] == sum(w["rows"] for w in ended) > 0
    assert model["outstanding"] == model["rows"] - model["labels"]
    assert judged.summary()["end"] == "2024-02-26T00:00:00+01:00"  # it is Friday, 1 March
    with pytest.raises(WorkspaceError, match="is not known"):
        judged.summary(timezone="Nowhere/At all")


@pytest.mark.slow
def test_evidently_is_made_beside_and_then_stands(home: Path) -> None:
    with opened("local", home) as workspace:
        assert workspace.evidently_making("eta", INSIDE)["state"] == "none"
        begun = time.monotonic()
        found = workspace.evidently_making("eta", INSIDE, start=True)
        assert found["state"] == "making"
        assert found["error"] is None
        while workspace.evidently_making("eta", INSIDE, start=True)["state"] == "making":
            assert time.monotonic() < begun + 280
            time.sleep(0.2)
        assert workspace.evidently_making("eta", INSIDE)["state"] == "ready"
        made = workspace.evidently_report("eta", INSIDE)
        assert b"<html" in made.read_bytes()[:2000].lower()
        assert workspace.evidently_report("eta", INSIDE) == made  # another call is another look, not another report
        row = frame().drop(columns="truth").iloc[[0]].assign(prediction_id="late", event_time=INSIDE.isoformat())
        workspace.log("eta", row)
        fresh = workspace.evidently_making("eta", INSIDE)
        assert fresh["state"] == "ready"  # for a while, so that a page may show it while rows come
    with opened("local", home) as workspace:
        assert workspace.evidently_making("eta", INSIDE)["state"] == "none"


# -- HTTP --------------------------------------------------------------------------------------------------------------
def test_over_http_a_report_is_a_page_in_a_sandbox_or_a_table(owner: Owner) -> None:
    page = get(owner, "/api/v1/models/eta/report", window=INSIDE.isoformat(), format="html")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert page.headers["content-disposition"].startswith("inline; filename*=UTF-8''eta-2024-")
    assert "<h1>eta, week of" in page.text
    table = get(owner, "/api/v1/models/eta/report", format="csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert {line["section"] for line in lines} >= {"performance", "drift"}
    assert get(owner, "/api/v1/models/eta/report", format="pdf").status_code == 422
    assert get(owner, "/api/v1/models/eta/report", window="1999-01-01T00:00:00Z").status_code == 404


def test_over_http_the_week_is_a_page_or_markdown(owner: Owner) -> None:
    page = get(owner, "/api/v1/summary", week="2024-02-07", format="html")
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "<h1>Driftdeck, 5 Feb – 11 Feb 2024</h1>" in page.text
    words = get(owner, "/api/v1/summary", week="2024-02-07", format="markdown")
    assert words.headers["content-type"] == "text/markdown; charset=utf-8"
    assert words.text.startswith("# Driftdeck, 5 Feb – 11 Feb 2024\n")


# -- the command line --------------------------------------------------------------------------------------------------
def test_the_command_writes_each_form(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = run(home, "report", "eta", "--window", INSIDE.isoformat(), "-o", str(file))
    assert done.exit_code == 0, done.output
    assert file.read_text("utf-8").startswith("<!doctype html>")
    done = run(home, "report", "eta", "--json")
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout)["model"] == "eta"
    assert json.loads(run(home, "report", "eta", "--format", "json").stdout)["scope"] == "range"
    table = run(home, "report", "eta", "--format", "csv").stdout
    assert table.startswith("section,name,check,start,end,version,value,")
    assert run(home, "report", "eta").stdout.startswith("<!doctype html>")


def test_the_command_sums_up_a_week(home: Path) -> None:
    assert run(home, "summary", "--week", "2024-02-07").stdout.startswith("# Driftdeck, 5 Feb – 11 Feb 2024\n")
    assert run(home, "summary", "--week", "2024-02-07", "--format", "html").stdout.startswith("<!doctype html>")
    assert json.loads(run(home, "summary", "--week", "2024-02-07", "--json").stdout)["start"].startswith("2024-02-05")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "eta", "--format", "pdf"), "choose one of html, json, csv, evidently"),
        (("report", "eta", "--json", "--format", "csv"), "leave one out"),
        (("report", "eta", "--format", "evidently", "--since", "2024-01-01"), "of one window: --window TIME"),
        (("report", "eta", "--window", "soon"), "is not an ISO 8601 time"),
        (("summary", "--week", "soon"), "write one like 2013-06-04"),
        (("summary", "--format", "csv"), "choose one of markdown, html, json"),
    ],
)
def test_the_commands_say_what_they_take(home: Path, words: tuple[str, ...], said: str) -> None:
    done = run(home, *words)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())
