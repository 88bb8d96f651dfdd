"""A damaged write-ahead log: the file opens with what is whole, the rest is put aside and told, nothing is deleted."""

import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.local import LocalWorkspace, care
from storage.database import Database
from storage.errors import DamagedFileError, StorageError
from tests.faults.victim import SPEC

NOW = datetime(2013, 3, 1, tzinfo=UTC)
GROUPS, ROWS = 30, 50
VICTIM = """
import os, sys
from pathlib import Path
from datetime import UTC, datetime, timedelta
from storage.database import Database
from storage.intake import canonical_log
from storage.logs import append_log
from tests.faults.victim import DAILY, SPEC
now = datetime(2013, 3, 1, tzinfo=UTC)
db = Database.open(Path(sys.argv[1]), lambda: now)
for group in range(int(sys.argv[2])):
    rows = [{"prediction_id": f"{group}-{i}", "event_time": now - timedelta(days=1), "prediction": i} for i in range(int(sys.argv[3]))]
    append_log(db, SPEC, canonical_log(SPEC, rows, arrival=now), now, DAILY)
    if group == 9:
        db.checkpoint()
os._exit(9)
"""


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose process died with twenty groups in the log."""
    home = tmp_path_factory.mktemp("crashed")
    arguments = [sys.executable, "-c", VICTIM, str(home / "driftdeck.duckdb"), str(GROUPS), str(ROWS)]
    assert subprocess.run(arguments, check=False, env={**os.environ, "PYTHONPATH": "."}).returncode == 9
    assert (home / "driftdeck.duckdb.wal").stat().st_size > 10_000
    return home


@pytest.fixture
def home(crashed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crashed, tmp_path / "home"))


def groups(home: Path) -> tuple[list[int], list[str]]:
    """Open the file; return how many rows each group has, and what is told to be missing."""
    with Database.open(home / "driftdeck.duckdb", lambda: NOW) as db:
        with db.cursor() as con:
            found = con.execute(
                f"SELECT split_part(_id, '-', 1)::INT AS g, count(*) FROM log_{SPEC.name} GROUP BY 1 ORDER BY 1"
            ).fetchall()
        assert [group for group, _ in found] == list(range(len(found)))  # the beginning, without gaps
        assert {count for _, count in found} == {ROWS}  # each whole
        return [group for group, _ in found], list(db.losses)


def put_aside(home: Path) -> dict[str, bytes]:
    folder = home / "quarantined"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


@pytest.mark.slow
def test_a_whole_log_is_replayed_and_nothing_is_told(home: Path) -> None:
    assert groups(home) == (list(range(GROUPS)), [])
    assert put_aside(home) == {}


@pytest.mark.slow
@pytest.mark.parametrize("share", [0, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_a_log_that_is_cut_short_is_noticed(home: Path, share: float) -> None:
    wal = home / "driftdeck.duckdb.wal"
    content = wal.read_bytes()[: int(wal.stat().st_size * share)]
    wal.write_bytes(content)
    found, losses = groups(home)
    assert 10 <= len(found) < GROUPS
    assert len(losses) == 1
    assert "has lost writes that had been acknowledged, commits" in losses[0]
    assert "sent again" in losses[0]
    kept = put_aside(home)
    assert any(losses[0] in text.decode() for name, text in kept.items() if name.endswith(".txt"))
    assert content == b"" or content in kept.values()  # as it was found
    assert groups(home) == (found, [])  # told once; the note stays


def test_a_log_that_is_gone_is_noticed(home: Path) -> None:
    (home / "driftdeck.duckdb.wal").unlink()
    found, losses = groups(home)
    assert len(found) == 10
    assert len(losses) == 1


@pytest.mark.parametrize("seed", range(30))
def test_a_flipped_bit_costs_no_row_in_silence(home: Path, seed: int) -> None:
    wal = home / "driftdeck.duckdb.wal"
    content = bytearray(wal.read_bytes())
    chance = random.Random(seed)
    place = chance.randrange(64) if seed < 10 else chance.randrange(len(content))
    content[place] ^= 1 << chance.randrange(8)
    wal.write_bytes(content)
    found, losses = groups(home)
    assert len(found) >= 10
    assert len(found) == GROUPS or len(losses) == 1
    if losses:
        assert bytes(content) in put_aside(home).values()


def test_work_goes_on_after_damage_and_the_doctor_tells_of_it(home: Path) -> None:
    wal = home / "driftdeck.duckdb.wal"
    content = bytearray(wal.read_bytes())
    content[len(content) // 2] ^= 4
    wal.write_bytes(content)
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        assert ws.core.db.losses
        assert ws.health()["lost"] == ws.core.db.losses
        ws.apply('[models.m]\ntask = "regression"\n[models.m.features]\nx = "numeric"\n')
        assert ws.log("m", [{"prediction_id": "new", "event_time": "2013-02-28", "prediction": 1.0}])["accepted"] == 1
        wrong = [finding for finding in ws.doctor() if not finding["ok"]]
        assert {finding["check"] for finding in wrong} == {"lost writes", "quarantined"}
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        assert ws.core.db.losses == []
        assert {finding["check"] for finding in ws.doctor() if not finding["ok"]} == {"quarantined"}


def test_a_damaged_file_is_left_as_it_is_and_told_in_words(home: Path) -> None:
    database = home / "driftdeck.duckdb"
    content = bytearray(database.read_bytes())
    content[4096:8192] = bytes(4096)
    content[8192:12288] = bytes(4096)
    database.write_bytes(content)
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    with pytest.raises(DamagedFileError, match="driftdeck restore FILE") as caught:
        Database.open(database, lambda: NOW)
    assert isinstance(caught.value, StorageError)
    after = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    assert {name: after[name] for name in before} == before
    found = care.doctor_of_closed(home, caught.value)
    assert found[0]["check"] == "opening"


def test_an_older_file_in_its_place_is_noticed(home: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copyfile(home / "driftdeck.duckdb", older)
    groups(home)
    (home / "driftdeck.duckdb.wal").unlink(missing_ok=True)
    shutil.copyfile(older, home / "driftdeck.duckdb")
    found, losses = groups(home)
    assert len(found) == 10
    assert "an older file was put in its place" in losses[0]
