"""A service that trains and registers, and the processes that do its jobs, until a fault kills one of them."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from retraining import job_files, train_job
from retraining.job_runner import JobRunner
from service.local import LocalWorkspace
from storage.faults import VARIABLE
from tests.support.tiny_workspace import LIVE, MODEL, rows, tiny

DECLARATION = """
[models.eta]
task = "regression"
prediction = "guess"
label = "truth"
features = { distance = "numeric", city = "categorical" }

[models.eta.monitor]
window = "1d"
multivariate = []

[models.eta.retrain]
estimator = "sklearn.linear_model.Ridge"
promote = "auto"
"""
DAYS = 8


def clock() -> datetime:
    """Return the time at which everything happens."""
    return LIVE + timedelta(days=1)


def prepare(home: Path) -> None:
    """Make a home with labelled rows to learn from."""
    with tiny(home, DECLARATION) as ws:
        frame = rows(0, DAYS)
        ws.workspace.log(MODEL, frame.drop(columns="truth"))
        ws.label(frame)


def do_job(folder: str, fault: str) -> None:
    """Do one job as its own process does."""
    os.setsid()
    os.environ[VARIABLE] = fault
    log = (Path(folder) / job_files.LOG).open("a", buffering=1)
    sys.stdout = sys.stderr = log
    with threadpool_limits(1):  # threads that wait for one another starve on a busy machine
        code = train_job.run(Path(folder))
    os._exit(code)


class PreloadedRunner(JobRunner):
    """Starts jobs in processes that have everything imported already, and are nobody's child: as after a restart."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self._fault = fault

    def launch(self, job_dir: Path) -> int:
        process = multiprocessing.get_context("forkserver").Process(target=do_job, args=(str(job_dir), self._fault))
        process.start()
        assert process.pid is not None
        job_files.record_process(job_dir, process.pid)
        return process.pid


def opened(home: Path, fault: str = "") -> LocalWorkspace:
    """Open the home as a service does."""
    workspace = LocalWorkspace.open(home, now=clock)
    workspace.core.runner = PreloadedRunner(fault)
    return workspace


def finish(workspace: LocalWorkspace, job_id: str, seconds: float = 600.0) -> str:
    """Follow a job until it is over and return its state."""
    until = time.monotonic() + seconds
    while (job := workspace.job(job_id))["state"] in ("queued", "running"):
        assert time.monotonic() < until, job
        time.sleep(0.02)
    return job["state"]


def main(home: Path, fault: str) -> None:
    """Retrain, and wait for it, under a fault."""
    workspace = opened(home, fault)
    os.environ[VARIABLE] = fault
    finish(workspace, workspace.retrain(MODEL, request_key="click")["id"])
    workspace.close()
