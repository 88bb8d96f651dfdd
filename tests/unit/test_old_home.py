"""A home of an earlier version: migrated with its rows, after a copy of both stores was made."""

import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.local import LocalWorkspace
from storage.errors import StorageFullError
from storage.migrate import migrate, migrations

NOW = datetime(2024, 3, 1, tzinfo=UTC)
SPEC = '{"name": "eta", "task": "regression", "features": {"distance": "numeric"}}'


def old_home(home: Path) -> Path:
    """A home of the second milestone: its migrations only, and the tables of one model as they were then."""
    home.mkdir(mode=0o700)
    con = duckdb.connect(str(home / "driftdeck.duckdb"))
    migrate(con, "duckdb", lambda: NOW, steps=migrations("duckdb")[:2])
    con.execute(
        "CREATE TABLE log_eta (_id VARCHAR NOT NULL, _event_time TIMESTAMP NOT NULL, _arrival_time TIMESTAMP NOT NULL, "
        "_model_version VARCHAR NOT NULL, _role VARCHAR NOT NULL, _latency_ms DOUBLE, _prediction DOUBLE, _score DOUBLE, "
        "_scores MAP(VARCHAR, DOUBLE), distance DOUBLE)"
    )
    con.execute(
        "CREATE TABLE label_eta (_id VARCHAR NOT NULL, _label DOUBLE NOT NULL, _label_time TIMESTAMP NOT NULL, "
        "_arrival_time TIMESTAMP NOT NULL, _seq BIGINT NOT NULL)"
    )
    con.execute(
        "INSERT INTO model_column VALUES ('eta', 'prediction', '_prediction', 'numeric'), ('eta', 'distance', 'distance', 'numeric')"
    )
    con.execute(
        "INSERT INTO log_eta SELECT 'p' || range, TIMESTAMP '2024-01-01' + INTERVAL (range) HOUR, TIMESTAMP '2024-02-01', 'v0', "
        "'serving', NULL, range, NULL, NULL, range FROM range(100)"
    )
    con.execute(
        "INSERT INTO label_eta SELECT 'p' || range, range, TIMESTAMP '2024-02-01', TIMESTAMP '2024-02-01', range + 1 FROM range(50)"
    )
    con.close()
    control = sqlite3.connect(home / "control.db", isolation_level=None)
    migrate(control, "control", lambda: NOW, steps=migrations("control")[:1])
    moment = NOW.isoformat(timespec="microseconds")
    control.execute("INSERT INTO model VALUES ('eta', ?, 'file', 't', ?, ?, NULL)", (SPEC, moment, moment))
    control.close()
    return home


@pytest.mark.slow
def test_an_old_home_is_copied_migrated_and_used(tmp_path: Path) -> None:
    home = old_home(tmp_path / "home")
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        assert ws.model("eta")["rows"] == {"logs": 100, "labels": 50, "quarantined": 0}
        made = ws.reference("eta", ("2024-01-01", "2024-01-03"))
        assert made["rows"] == 48
        row = {"prediction_id": "new", "event_time": "2024-02-20", "prediction": 1.0, "features": {"distance": 2.0}}
        assert (
            ws.log(
                "eta", [row, row | {"prediction_id": "p3", "model_version": "v0", "event_time": "2024-01-01T03:00"}]
            )["accepted"]
            == 1
        )
        ws.run("eta")
        assert ws.storage("eta")["rows"] == 101
        assert [finding for finding in ws.doctor() if not finding["ok"]] == []
    copies = sorted(path.relative_to(home / "backups") for path in (home / "backups").rglob("*") if path.is_file())
    first = f"before-{migrations('duckdb')[2].name}-20240301T000000Z"
    assert {str(path) for path in copies} >= {f"{first}/driftdeck.duckdb", f"{first}/control.db"}
    with duckdb.connect(str(home / "backups" / first / "driftdeck.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM log_eta").fetchall() == [(100,)]
        assert len(con.execute("SELECT * FROM migration").fetchall()) == 2
    control = sqlite3.connect(home / "backups" / first / "control.db")
    assert control.execute("SELECT name FROM model").fetchall() == [("eta",)]
    control.close()
    LocalWorkspace.open(home, now=lambda: NOW).close()
    assert (
        sorted(path.relative_to(home / "backups") for path in (home / "backups").rglob("*") if path.is_file()) == copies
    )


def test_a_new_home_needs_no_copy(tmp_path: Path) -> None:
    LocalWorkspace.open(tmp_path / "home", now=lambda: NOW).close()
    assert not (tmp_path / "home" / "backups").exists()


def test_without_room_for_a_copy_nothing_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = old_home(tmp_path / "home")
    before = (home / "driftdeck.duckdb").read_bytes()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(
        StorageFullError, match=r"a copy is made first.*free some space and start again, nothing has been changed"
    ):
        LocalWorkspace.open(home, now=lambda: NOW)
    monkeypatch.undo()
    assert (home / "driftdeck.duckdb").read_bytes()[12288:] == before[12288:]
    con = duckdb.connect(str(home / "driftdeck.duckdb"))
    assert len(con.execute("SELECT * FROM migration").fetchall()) == 2
    con.close()
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        assert ws.model("eta")["rows"]["logs"] == 100


def test_a_newer_home_is_refused_on_the_command_line_in_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    LocalWorkspace.open(home, now=lambda: NOW).close()
    con = duckdb.connect(str(home / "driftdeck.duckdb"))
    con.execute("INSERT INTO migration VALUES ('9999_future', 'x', 'y')")
    con.close()
    copy = shutil.copytree(home, tmp_path / "copy")
    result = CliRunner().invoke(app, ["alerts", "--home", str(copy)])
    assert "9999_future" in str(result.exception)
    assert "install the newer version" in str(result.exception)
    checked = CliRunner().invoke(app, ["doctor", "--home", str(home), "--json"])
    assert checked.exit_code == 1
    assert "install the newer version" in checked.stdout
