"""Jobs of several models wait for their turn; limits are declared; who died is tried again, who failed is not."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from retraining import job_files, train_job
from retraining.job_runner import JobRunner
from tests.support.tiny_workspace import DECLARATION, MODEL, Tiny, rows, tiny
from tests.support.training_rows import frame, job, quick

OTHER = DECLARATION.replace("[models.eta", "[models.other")


def two_models(ws: Tiny) -> None:
    ws.workspace.apply(DECLARATION + OTHER)
    few = rows(0, 8)
    for model in (MODEL, "other"):
        ws.workspace.log(model, few.drop(columns="truth"))
        ws.workspace.label(model, few[["prediction_id", "truth"]])


@pytest.mark.slow
def test_jobs_of_several_models_start_one_after_the_other_also_after_a_restart(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        two_models(ws)
        ws.workspace.core.max_jobs = 0
        first, second = ws.workspace.retrain("other"), ws.workspace.retrain(MODEL)
        assert (first["step"], second["step"]) == ("waiting for its turn", "waiting for its turn: 1 before it")
        ws.reopen()
        ws.workspace.core.max_jobs = 1
        ws.runner.free.clear()
        for _ in range(3):
            ws.workspace.job(second["id"])
        until = time.monotonic() + 30
        while not ws.runner.launched:
            assert time.monotonic() < until
            threading.Event().wait(0.01)
        assert [folder.name for folder in ws.runner.launched] == [first["id"]]
        assert ws.workspace.job(second["id"])["step"] == "waiting for its turn: 1 before it"
        ws.runner.free.set()
        assert ws.finished(second["id"])["state"] == "succeeded"
        assert ws.workspace.job(first["id"])["state"] == "succeeded"
        assert [folder.name for folder in ws.runner.launched] == [first["id"], second["id"]]


@pytest.mark.slow
def test_a_waiting_job_can_be_cancelled_and_never_starts(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        two_models(ws)
        ws.workspace.core.max_jobs = 0
        asked = ws.workspace.retrain(MODEL)
        assert ws.workspace.cancel_job(asked["id"], actor="ada")["state"] == "cancelled"
        ws.workspace.core.max_jobs = 2
        assert ws.finished(ws.workspace.retrain("other")["id"])["state"] == "succeeded"
        assert [folder.name for folder in ws.runner.launched if folder.name == asked["id"]] == []
        assert ws.workspace.job(asked["id"])["error"] == "cancelled by ada"


@pytest.mark.slow
def test_the_declared_time_ends_a_job_of_any_trainer(tmp_path: Path) -> None:
    folder = job(tmp_path / "job", frame(60), quick(retrain={"params": {"max_iter": 5}, "job_timeout": "2s"}))
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        job_files.record_process(folder, child.pid)
        at = time.time()
        assert JobRunner(clock=lambda: at).status(folder).state == "running"
        late = JobRunner(clock=lambda: at + 3).status(folder)
        assert (late.state, late.died) == ("failed", False)
        assert late.error == "stopped after 2 s, the longest a job may take"
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def test_too_little_memory_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr(train_job, "train", full)
    folder = job(tmp_path / "job", frame(60), quick())
    assert train_job.run(folder) == 1
    failure = json.loads((folder / job_files.FAILURE).read_bytes())
    assert failure["error"].startswith("the job needs more memory than it may take (Unable to allocate 9 GiB)")
    assert not JobRunner().status(folder).died, "it would need as much again"


@pytest.mark.slow
def test_the_declared_memory_limits_the_address_space(tmp_path: Path) -> None:
    limited = quick(retrain={"params": {"max_iter": 5}, "memory_mb": 300})
    folder = job(tmp_path / "job", frame(300), limited)
    runner = JobRunner(nice=0)
    runner.launch(folder)
    assert runner.wait(folder, 120).state == "failed"
    assert not (folder / job_files.RESULT).exists()


def test_a_cleared_folder_keeps_what_was_asked_for_and_its_log(tmp_path: Path) -> None:
    folder = job(tmp_path / "job", frame(60), quick())
    for name in (job_files.ARTEFACT, job_files.STARTED, job_files.PROCESS, job_files.LAUNCHED):
        (folder / name).write_text("{}")
    (folder / job_files.LOG).write_text("was here\n")
    job_files.clear(folder, "attempt 2 follows")
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == sorted([job_files.REQUEST, job_files.ROWS, job_files.LOG])
    assert (folder / job_files.LOG).read_text() == "was here\nattempt 2 follows\n"
