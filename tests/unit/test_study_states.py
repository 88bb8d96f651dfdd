"""Studies that are cancelled, killed or cut off leave states that are true, and findings that were there before."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from retraining import job_files, job_runner
from retraining.job_runner import JobRunner
from service.local import LocalWorkspace, job_queue, preparing
from service.workspace import ConflictError
from tests.support.tiny_workspace import DECLARATION, MODEL, REFERENCE_DAYS, START, InProcessRunner, Tiny, rows, tiny

DECLARED = DECLARATION.replace("params = { max_iter = 5 }", "params = { max_iter = 400 }") + 'holdout = "2d"\n'


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    """Four labelled weeks."""
    with tiny(tmp_path / "home", DECLARED) as home:
        frame = rows(0, REFERENCE_DAYS)
        home.workspace.log(MODEL, frame.drop(columns="truth"))
        home.label(frame)
        home.clock.now = START + timedelta(days=REFERENCE_DAYS)
        yield home
        home.workspace.core.runner = InProcessRunner()


def until(happened: Callable[[], Any]) -> Any:
    """Return what is found once there is something."""
    end = time.monotonic() + 120
    while not (found := happened()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def at_work(ws: Tiny, kind: Any) -> tuple[Any, psutil.Process]:
    """Start a study in a process of its own and return both when it has begun to work."""
    ws.workspace.core.runner = JobRunner(nice=0)  # a real process, which can be killed
    job = ws.workspace.study(MODEL, kind)
    folder = ws.workspace.core.home.jobs / job["id"]
    until(lambda: ws.workspace.job(job["id"])["state"] == "running" and (folder / job_files.STARTED).exists())
    return job, psutil.Process(ws.workspace.core.runner.status(folder).pid)


def settled(ws: Tiny, job_id: str) -> Any:
    return until(lambda: (job := ws.workspace.job(job_id))["state"] not in ("queued", "running") and job)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["learning_curve", "backtest"])
def test_a_cancelled_study_ends_with_its_process_and_says_who(ws: Tiny, kind: str) -> None:
    job, process = at_work(ws, kind)
    assert ws.workspace.cancel_job(job["id"], actor="ada")["state"] == "cancelled"
    found = settled(ws, job["id"])
    assert (found["state"], found["error"], found["version"]) == ("cancelled", "cancelled by ada", None)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert ws.workspace.learning_curve(MODEL) is None
    assert ws.workspace.backtest(MODEL) is None
    with pytest.raises(ConflictError, match="there is nothing to cancel"):
        ws.workspace.cancel_job(job["id"], actor="ada")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["learning_curve", "backtest"])
def test_a_killed_study_says_so_and_the_next_one_works(ws: Tiny, kind: Any) -> None:
    job, process = at_work(ws, kind)
    os.kill(process.pid, signal.SIGKILL)
    found = settled(ws, job["id"])
    assert found["state"] == "failed"
    assert "SIGKILL" in found["error"]
    again = ws.workspace.study(MODEL, kind)
    assert again["id"] != job["id"]
    assert settled(ws, again["id"])["state"] == "succeeded"
    found = ws.workspace.learning_curve(MODEL) or ws.workspace.backtest(MODEL)
    assert found is not None
    assert found["job_id"] == again["id"]


@pytest.mark.slow
def test_a_study_whose_process_went_while_nobody_looked_is_lost(ws: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    job, process = at_work(ws, "learning_curve")
    ws.workspace.close()
    os.kill(process.pid, signal.SIGKILL)
    (child,) = [one for one in job_runner._CHILDREN.values() if one.pid == process.pid]
    child.wait()
    monkeypatch.setattr(job_runner, "_CHILDREN", {})  # the next service has not started it
    ws.workspace = LocalWorkspace.open(ws.home, now=ws.clock)
    found = settled(ws, job["id"])
    assert found["state"] == "lost"
    assert "left no result" in found["error"]


@pytest.mark.slow
def test_who_cancels_while_rows_are_written_is_not_told_of_a_failure_later(
    ws: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> None:
        begun.set()
        go_on.wait()
        raise OSError("the disk is full")

    monkeypatch.setattr(job_queue, "prepare", slow)
    job = ws.workspace.study(MODEL, "backtest")
    assert begun.wait(60)
    assert ws.workspace.cancel_job(job["id"], actor="ada")["state"] == "cancelled"
    (thread,) = [one for one in threading.enumerate() if one.name == f"job-{job['id']}"]
    go_on.set()
    thread.join()
    found = ws.workspace.job(job["id"])
    assert (found["state"], found["error"]) == ("cancelled", "cancelled by ada")


def test_another_attempt_learns_from_the_rows_of_the_first(ws: Tiny) -> None:
    ws.workspace.core.max_jobs = 0
    job = ws.workspace.core.control.job(ws.workspace.retrain(MODEL)["id"])
    preparing.prepare(ws.workspace.core, job)
    folder = ws.workspace.core.home.jobs / job["id"]
    first = (folder / job_files.ROWS).read_bytes()
    ws.clock.now += timedelta(hours=1)
    ws.label(rows(25, 1).assign(truth=99.0))  # corrected while the first attempt died
    preparing.prepare(ws.workspace.core, dict(job) | {"attempt": 2})
    assert (folder / job_files.ROWS).read_bytes() == first
    preparing.prepare(ws.workspace.core, dict(job) | {"attempt": 1})
    assert (folder / job_files.ROWS).read_bytes() != first, "a job of its own sees the correction"
