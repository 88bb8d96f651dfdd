"""kill -9 in the middle of care: archiving, deletion of a subject, restore. What was begun is finished by doing it again."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from service.local import care
from storage.errors import StorageError
from storage.faults import VARIABLE
from tests.unit.test_care import NOW, filled, holds, ids, opened

ARCHIVE = """
import sys
from pathlib import Path
from tests.unit.test_care import opened
with opened(Path(sys.argv[1])) as ws: ws.run("eta")
"""
ERASE = """
import sys
from pathlib import Path
from tests.unit.test_care import opened
with opened(Path(sys.argv[1])) as ws: ws.erase("eta", "c1")
"""
RESTORE = """
import sys
from pathlib import Path
from service.local import care
from tests.unit.test_care import NOW
care.restore(Path(sys.argv[1]), Path(sys.argv[2]), lambda: NOW)
"""


def killed(script: str, fault: str, *arguments: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": ".", VARIABLE: fault}
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], check=False, env=environment, capture_output=True
    )
    assert done.returncode == -9, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "archive.after_file=kill@1",
        "archive.after_file=kill@3",
        "archive.after_commit=kill@2",
        "writer.before_commit=kill@4",
    ],
)
def test_archiving_neither_loses_nor_doubles(tmp_path: Path, fault: str) -> None:
    home = tmp_path / "home"
    with filled(home) as ws:
        before = ids(ws)
    killed(ARCHIVE, fault, home)
    with opened(home) as ws:
        assert ids(ws) == before
        ws.run("eta")
        view = ws.storage("eta")
        assert ids(ws) == before
        assert view["rows"] + view["archived_rows"] == len(before)
        assert view["archived_rows"] > 450
        assert [finding for finding in ws.doctor() if not finding["ok"]] == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["erase.after_files=kill", "erase.after_rows=kill"])
def test_a_deletion_that_was_cut_off_is_finished_by_asking_again(tmp_path: Path, fault: str) -> None:
    home = tmp_path / "home"
    with filled(home) as ws:
        ws.run("eta")
        before = ids(ws)
    mine = {f"p{i}" for i in range(728) if i % 7 == 1}
    killed(ERASE, fault, home)
    with opened(home) as ws:
        assert set(ids(ws)) in (set(before), set(before) - mine)
        receipt = ws.erase("eta", "c1")
        assert set(ids(ws)) == set(before) - mine
        assert ws.erasures() == [receipt]
    assert holds(home / "archives", '"c1"') == holds(home / "references", '"c1"') == []


@pytest.mark.slow
def test_a_restore_that_was_cut_off_is_told_and_done_again(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "b"
    with filled(home) as ws:
        before = ids(ws)
        ws.backup(file)
    killed(RESTORE, "restore.half_way=kill", home, file)
    with pytest.raises(StorageError, match=r"restore of .* was broken off: run `driftdeck restore FILE` again"):
        opened(home)
    done = care.restore(home, file, lambda: NOW + timedelta(hours=1))
    assert done["models"] == ["eta"]
    with opened(home) as ws:
        assert ids(ws) == before
    assert sorted(path.name for path in home.glob("replaced-*/driftdeck.duckdb"))
