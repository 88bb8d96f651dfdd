"""A check or a column that does not exist is refused by name, where nothing was found; what once was stays askable."""

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from service.api.app import api_routes
from service.cli import main
from service.local import LocalWorkspace
from service.settings import Settings
from service.workspace import NotFoundError
from tests.support.homes import empty

NOW = datetime(2024, 2, 1, tzinfo=UTC)
OWN = '[models.eta.monitor.custom.far]\nsql = "avg(km)"\n'
DECLARATION = """
[models.eta]
task = "regression"
segments = ["city"]

[models.eta.features]
km = "numeric"
city = "categorical"

[models.eta.monitor]
window = "1d"
multivariate = []
"""


def rows(first: int, days: int) -> list[dict[str, Any]]:
    return [
        {
            "prediction_id": f"p{i}",
            "event_time": (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * i)).isoformat(),
            "km": float(i % 17),
            "city": "ab"[i % 2],
            "prediction": float(i % 17) + 0.5,
            "label": float(i % 17),
        }
        for i in range(48 * first, 48 * (first + days))
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two closed homes: one with a reference only, and one that was judged besides."""
    folder = tmp_path_factory.mktemp("asked")
    with LocalWorkspace.open(empty(folder / "new"), now=lambda: NOW) as workspace:
        workspace.apply(DECLARATION + OWN)
        workspace.reference("eta", rows(0, 10))
    shutil.copytree(folder / "new", folder / "judged")
    with LocalWorkspace.open(folder / "judged", now=lambda: NOW) as workspace:
        workspace.log("eta", rows(10, 12))
        workspace.run("eta")
    return folder


@pytest.fixture
def ws(made: Path, tmp_path: Path) -> Iterator[LocalWorkspace]:
    shutil.copytree(made / "new", tmp_path / "home")
    with LocalWorkspace.open(tmp_path / "home", now=lambda: NOW) as workspace:
        yield workspace


@pytest.fixture
def judged(made: Path, tmp_path: Path) -> Iterator[LocalWorkspace]:
    shutil.copytree(made / "judged", tmp_path / "home")
    with LocalWorkspace.open(tmp_path / "home", now=lambda: NOW) as workspace:
        yield workspace


def test_an_unknown_check_is_refused_with_what_there_is_and_what_was_meant(judged: LocalWorkspace) -> None:
    words = r"model 'eta' has no check 'jensen_shanon'; did you mean 'jensen_shannon'\? it has readings of: .*row_count"
    with pytest.raises(NotFoundError, match=words):
        judged.readings("eta", check="jensen_shanon")
    with pytest.raises(NotFoundError, match="no check 'nope'; it has readings of: "):
        judged.readings("eta", check="nope", segment="city=a")


def test_an_unknown_column_is_refused(judged: LocalWorkspace) -> None:
    with pytest.raises(NotFoundError, match=r"no column 'kmm'; did you mean 'km'\? it has readings of: .*city.*km"):
        judged.readings("eta", column="kmm")


def test_before_the_first_reading_the_names_that_may_come_are_told(ws: LocalWorkspace) -> None:
    with pytest.raises(NotFoundError, match=r"no check 'nope'; there are: .*far.*jensen_shannon"):
        ws.readings("eta", check="nope")
    with pytest.raises(NotFoundError, match=r"no column 'nope'; there are: .*city.*km"):
        ws.readings("eta", column="nope")


@pytest.mark.parametrize(
    "check",
    [
        "jensen_shannon", "cardinality", "vanished_share", "row_count", "row_volume", "label_coverage", "freshness", "repeated_rows",
        "refused_rows", "missing_columns", "error_share", "mae", "estimated_mae", "roc_auc", "pca_reconstruction", "mmd",
        "sequential_loss", "far", "ours",
    ],
)  # fmt: skip
def test_what_may_yet_be_read_is_an_empty_list(ws: LocalWorkspace, check: str) -> None:
    folder = ws.core.home.root / "checks"
    folder.mkdir(exist_ok=True)
    (folder / "ours.py").write_text("")
    assert ws.readings("eta", check=check) == []
    assert ws.readings("eta", check=check, column="error given inputs", segment="*") == []


def test_every_check_of_a_run_is_known_before_it(judged: LocalWorkspace, tmp_path: Path) -> None:
    read = {(reading["check"], reading["column"]) for reading in judged.readings("eta")}
    assert ("far", None) in read
    with LocalWorkspace.open(empty(tmp_path / "other"), now=lambda: NOW) as fresh:
        fresh.apply(DECLARATION + OWN)
        assert [fresh.readings("eta", check=check, column=column) for check, column in read] == [[]] * len(read)


def test_a_check_that_is_declared_no_more_is_still_known(judged: LocalWorkspace) -> None:
    judged.apply(DECLARATION)
    since = datetime(2024, 1, 11, tzinfo=UTC)
    assert judged.readings("eta", check="far", since=since, until=since + timedelta(days=1))
    assert judged.readings("eta", check="far", since=NOW) == []


def test_the_command_line_says_it_too(
    judged: LocalWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(judged.core.home.root)
    judged.close()

    def run(check: str) -> tuple[bool, str]:
        monkeypatch.setattr(sys, "argv", ["driftdeck", "--home", home, "readings", "eta", "--check", check, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return bool(ended.value.code), said.err or said.out

    failed, words = run("nope")
    assert failed
    assert words.startswith("driftdeck: model 'eta' has no check 'nope'; it has readings of: ")
    failed, words = run("mmd")
    assert (failed, json.loads(words)) == (False, [])


def test_over_http_an_unknown_name_is_not_found(judged: LocalWorkspace) -> None:
    with TestClient(Starlette(routes=api_routes(judged, Settings(), {})), "http://127.0.0.1:8501") as client:
        for query in ("check=nope", "column=nope"):
            answer = client.get(f"/api/v1/models/eta/readings?{query}")
            assert (answer.status_code, "'nope'; it has readings of: " in answer.text) == (404, True), answer.text
        answer = client.get("/api/v1/readings?model=eta&check=mmd")
        assert (answer.status_code, answer.json()) == (200, [])
