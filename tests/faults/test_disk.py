"""A full disk: an error in words, nothing acknowledged lost, and everything goes on once there is room."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reference_data.declaration import ModelSpec
from reference_data.windows import WindowSpec
from storage.control import Control
from storage.database import Database, Limits
from storage.errors import StorageFullError
from storage.faults import VARIABLE, reset
from storage.intake import canonical_log
from storage.logs import append_log, count_rows

NOW = datetime(2013, 3, 1, tzinfo=UTC)
SPEC = ModelSpec(name="m", task="regression", features={f"f{n}": "numeric" for n in range(8)})
MEBIBYTE = 2**20


@dataclass
class Disk:
    """A disk that gets full, and has room again after ``free()``."""

    folder: Path
    ballast: Path | None

    def free(self) -> None:
        if self.ballast is None:
            os.environ.pop(VARIABLE, None)
        else:
            self.ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path, request, monkeypatch) -> Iterator[Disk]:
    """A real disk of 32 MB where we may mount one; otherwise a fault at the given point on the sixth passage."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        reset()
        monkeypatch.setenv(VARIABLE, f"{request.param}=enospc@6")
        yield Disk(folder, None)
        return
    try:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(24 * MEBIBYTE))
        yield Disk(folder, ballast)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def batch(number: int, rows: int = 2000) -> pa.Table:
    rng = np.random.default_rng(number)
    times = np.datetime64("2013-01-01", "us") + np.arange(rows) * np.timedelta64(1, "s")
    columns = {
        "prediction_id": [f"{number}-{row}" for row in range(rows)],
        "event_time": times,
        "prediction": rng.random(rows),
    }
    return pa.table(columns | {name: rng.random(rows) for name in SPEC.features})


def append(db: Database, number: int) -> int:
    intake = canonical_log(SPEC, batch(number), arrival=NOW)
    return append_log(db, SPEC, intake, NOW, WindowSpec.parse("1d")).accepted


def logged(db: Database) -> int:
    with db.cursor() as con:
        return count_rows(con, SPEC).logs


def fill(write: Callable[[int], object]) -> int:
    """Write until the disk is full; returns how many writes were acknowledged."""
    for number in range(400):
        try:
            write(number)
        except StorageFullError:
            return number
    raise AssertionError("the disk never got full")


@pytest.mark.slow
@pytest.mark.parametrize("disk", ["writer.before_commit"], indirect=True)
@pytest.mark.parametrize("checkpoint", ["1MB", "1GB"])  # inside COMMIT, or never: the two ways to run out of space
def test_logs_outlive_a_full_disk(disk: Disk, checkpoint: str):
    path = disk.folder / "d.duckdb"
    limits = Limits(wal_autocheckpoint=checkpoint)
    with Database.open(path, lambda: NOW, limits=limits) as db:
        kept = fill(partial(append, db))
        assert kept > 0
        assert logged(db) == 2000 * kept
        disk.free()
        assert append(db, kept) == 2000  # the same batch again: it had not been taken
        assert append(db, 0) == 0
        assert logged(db) == 2000 * (kept + 1)
    with Database.open(path, lambda: NOW, limits=limits) as db:
        assert logged(db) == 2000 * (kept + 1)
        assert append(db, 999) == 2000


@pytest.mark.parametrize("disk", ["control.before_commit"], indirect=True)
def test_decisions_outlive_a_full_disk(disk: Disk):
    def decide(control: Control, number: int) -> None:
        control.append_audit("t", "step", str(number), {"text": "x" * 200_000}, "test", NOW + timedelta(seconds=number))

    path = disk.folder / "control.db"
    with Control(path, lambda: NOW) as control:
        kept = fill(partial(decide, control))
        assert kept > 0
        assert len(control.audit(1000)) == kept
        control.verify_audit()
        disk.free()
        decide(control, kept)
    with Control(path, lambda: NOW) as again:
        again.verify_audit()
        assert [entry["object"] for entry in again.audit(1000)] == [str(number) for number in range(kept, -1, -1)]


@pytest.mark.parametrize("point", ["writer.begin", "append.after_rows", "writer.before_commit"])
def test_a_write_that_finds_the_disk_full_leaves_nothing(tmp_path: Path, monkeypatch, point: str):
    with Database.open(tmp_path / "d.duckdb", lambda: NOW) as db:
        append(db, 0)
        reset()
        monkeypatch.setenv(VARIABLE, f"{point}=enospc")
        with pytest.raises(StorageFullError, match="is full"):
            append(db, 1)
        assert logged(db) == 2000
        assert append(db, 1) == 2000
