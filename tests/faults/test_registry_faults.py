"""Killed at every durable step of training and registering, or on a full disk: never half an artefact."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression

from retraining import job_files, registry
from retraining.job_files import Incumbent, read_result
from retraining.job_runner import JobRunner
from retraining.train_job import run
from tests.support.training_rows import frame, job, quick

#: Forks once for each step; the child counts `os.fsync` and `Path.replace`, and dies by SIGKILL before its n-th.
DRIVER = """
import json, os, signal, sys
from pathlib import Path

mode, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
from retraining import registry, train_job  # imported once, for all forks

def deadly(steps):
    passed = 0
    def watch(function):
        def step(*arguments, **named):
            nonlocal passed
            passed += 1
            if passed == steps:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)
        return step
    os.fsync = watch(os.fsync)
    Path.replace = watch(Path.replace)

codes = []
for number, folder in enumerate(folders, start=1):
    child = os.fork()
    if child == 0:
        sys.stdout = open(os.devnull, "w")
        deadly(number)
        if mode == "train":
            os._exit(train_job.run(folder))
        registry.adopt(folder / "new.skops", folder / "registered.skops", (folder / "sha").read_text())
        os._exit(0)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""


def drive(mode: str, folders: list[Path]) -> list[int]:
    """Run the driver; returns each child's exit code, -9 for those that were killed."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, mode, *map(str, folders)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    codes: list[int] = json.loads(done.stdout.splitlines()[-1])
    return codes


def assert_whole(folder: Path) -> None:
    """Whatever stands under its final name is complete and says the truth."""
    status = JobRunner().status(folder)
    artefact, reference, result = (
        folder / name for name in (job_files.ARTEFACT, job_files.REFERENCE, job_files.RESULT)
    )
    if artefact.exists():
        data = artefact.read_bytes()
        registry.load(artefact, hashlib.sha256(data).hexdigest())
    if reference.exists():
        assert pq.read_table(reference).num_rows == 300
    if not result.exists():
        assert status.state in {"queued", "lost"}
        return
    assert status.state == "succeeded"
    assert reference.exists()
    registry.load(artefact, read_result(folder)["card"]["sha256"])


@pytest.mark.slow
def test_a_training_job_killed_at_any_durable_step_leaves_only_whole_files(tmp_path):
    champion = Incumbent("v1")
    folders = [job(tmp_path / f"step{number}", frame(300), quick(), champion=champion) for number in range(1, 15)]
    codes = drive("train", folders)
    killed = codes.count(-signal.SIGKILL)
    assert killed >= 12, codes  # process, artefact, reference, result: each synced, renamed, its folder synced
    assert codes == [-signal.SIGKILL] * killed + [0] * (len(codes) - killed)
    for folder in folders:
        assert_whole(folder)
    states = [JobRunner().status(folder).state for folder in folders]
    assert states[0] == "queued"
    assert "lost" in states
    assert states[-1] == "succeeded"


@pytest.mark.slow
def test_a_registration_killed_at_any_step_leaves_the_old_artefact_or_the_new(tmp_path):
    X = np.arange(20.0).reshape(10, 2)
    folders, hashes = [], []
    for number in range(1, 6):
        folder = tmp_path / f"step{number}"
        old = registry.save(LinearRegression().fit(X, np.zeros(10)), folder / "registered.skops")
        new = registry.save(LinearRegression().fit(X, X[:, 0]), folder / "new.skops")
        (folder / "sha").write_text(new)
        folders.append(folder)
        hashes.append((old, new))
    codes = drive("adopt", folders)
    assert codes == [-9, -9, -9, 0, 0]  # sync, rename, sync the folder
    for folder, (old, new), code in zip(folders, hashes, codes, strict=True):
        found = hashlib.sha256((folder / "registered.skops").read_bytes()).hexdigest()
        assert found in {old, new}
        assert code != 0 or found == new
        registry.load(folder / "registered.skops", found)
        registry.adopt(folder / "new.skops", folder / "registered.skops", new)  # once more mends it
        registry.load(folder / "registered.skops", new)


@pytest.mark.slow
@pytest.mark.parametrize("name", [job_files.ARTEFACT, job_files.REFERENCE, job_files.RESULT])
def test_a_full_disk_fails_the_job_in_words(name, tmp_path, monkeypatch):
    folder = job(tmp_path, frame(300), quick(), champion=Incumbent("v1"))
    replace = Path.replace

    def full(self, target):
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    assert run(folder) == 1
    failure = json.loads((folder / job_files.FAILURE).read_bytes())
    assert "No space left on device" in failure["error"]
    assert not (folder / name).exists()


@pytest.mark.slow
def test_a_job_is_never_run_twice_in_one_folder(tmp_path):
    folder = job(tmp_path, frame(300), quick(), champion=Incumbent("v1"))
    assert run(folder) == 0
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != job_files.PROGRESS}
    assert run(folder) == 1
    assert {
        path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != job_files.PROGRESS
    } == before
