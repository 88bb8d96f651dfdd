"""``driftdeck sources`` and ``driftdeck pull`` on a real home."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from tests.support.source_home import MODEL, Sqlite, source


@pytest.fixture
def shop(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path / "shop.db")


def run(tmp_path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(tmp_path / "home"), *words])


@pytest.mark.slow
def test_a_source_is_declared_pulled_and_listed(tmp_path: Path, shop: Sqlite) -> None:
    shop.add(range(12))
    query = source(sql="SELECT * FROM predictions", connection=shop.address, watermark="changed")
    (tmp_path / "driftdeck.toml").write_text(MODEL + query)
    assert run(tmp_path, "sources").output == "no sources yet; declare one under [sources.…] in driftdeck.toml\n"
    assert run(tmp_path, "apply", str(tmp_path / "driftdeck.toml")).output == "created: models.eta, sources.sales\n"
    assert run(tmp_path, "sources", "--runs", "sales").output == "source sales has not run yet\n"
    pulled = run(tmp_path, "pull", "sales")
    assert (pulled.exit_code, pulled.stdout.partition(";")[0]) == (0, "rows 12, accepted 12, duplicates 0, rejected 0")
    assert "read up to changed = 2024-01-01 00:01:00" in pulled.stdout
    assert json.loads(run(tmp_path, "pull", "sales", "--json").stdout)["rows"] == 0
    lines = run(tmp_path, "sources").stdout.splitlines()
    assert lines[0].split()[:5] == ["source", "model", "into", "state", "lag"]
    assert lines[1].split()[:4] == ["sales", "eta", "logs", "ok"]
    runs = json.loads(run(tmp_path, "sources", "--runs", "sales", "--json").stdout)
    assert [entry["rows"] for entry in runs] == [0, 12]


def test_a_pull_that_fails_says_why_and_exits_with_1(tmp_path: Path, shop: Sqlite) -> None:
    (tmp_path / "driftdeck.toml").write_text(
        MODEL + source(sql="SELECT * FROM no", connection=shop.address, watermark="x")
    )
    run(tmp_path, "apply", str(tmp_path / "driftdeck.toml"))
    failed = run(tmp_path, "pull", "sales")
    assert failed.exit_code == 1
    assert "source sales failed: " in failed.stderr
    assert "no such table: no" in failed.stderr
    (listed,) = json.loads(run(tmp_path, "sources", "--json").stdout)
    assert "no such table" in listed["last_run"]["error"]
