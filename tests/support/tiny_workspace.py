"""A small real workspace: one model, a clock that the test moves, and training jobs that run in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retraining import job_files, train_job
from retraining.job_runner import JobRunner
from service.local import LocalWorkspace
from tests.support.homes import empty

MODEL = "eta"
START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
REFERENCE_DAYS = 28
LIVE = START + timedelta(days=REFERENCE_DAYS)  # the first day after the reference
A_DAY = 60  # rows
NOBODY = 999_999_999  # the number of a process that there cannot be
CITIES = ["Berlin", "Łódź", "O'Hare"]

#: Rows as a whole are tested in test_local_rows.py, estimates in test_estimates_workspace.py: learning takes longer than all else
#: that a run does.
DECLARATION = """
[models.eta]
task = "regression"
prediction = "guess"
label = "truth"
segments = ["city"]

[models.eta.features]
distance = "numeric"
city = "categorical"

[models.eta.monitor]
window = "1d"
multivariate = []
estimate = false
grace = "6h"

[models.eta.retrain]
params = { max_iter = 5 }
"""


@dataclass
class Clock:
    """Says what time the test wants it to be."""

    now: datetime = LIVE

    def __call__(self) -> datetime:
        return self.now


class InProcessRunner(JobRunner):
    """Does a job in a thread, when ``free`` is set; what it leaves in the folder is what a process leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()
        self.launched: list[Path] = []
        self._threads: list[threading.Thread] = []

    def launch(self, job_dir: Path) -> int:
        self.launched.append(job_dir)
        self._threads.append(threading.Thread(target=self._work, args=(job_dir,)))
        self._threads[-1].start()
        return NOBODY

    def join(self) -> None:
        """Return when all jobs have ended."""
        self.free.set()
        for thread in self._threads:
            thread.join()

    def _work(self, job_dir: Path) -> None:
        self.free.wait()
        train_job.run(job_dir)
        job_files.write_json(job_dir / job_files.PROCESS, {"pid": NOBODY, "created": 0.0})  # its process is gone


@dataclass
class Tiny:
    """One open home, and how to open it again."""

    home: Path
    workspace: LocalWorkspace
    clock: Clock = field(default_factory=Clock)

    @property
    def runner(self) -> InProcessRunner:
        runner = self.workspace.core.runner
        assert isinstance(runner, InProcessRunner)
        return runner

    def reopen(self) -> LocalWorkspace:
        """Close the home and open it again, as a restarted service does; its jobs go on."""
        self.workspace.close()
        self.workspace = _open(self.home, self.clock)
        return self.workspace

    def log_days(self, first: int, count: int = 1, *, labels: bool = True, **changes: Any) -> pd.DataFrame:
        """Log (and label) days counted from :data:`LIVE`; returns the rows."""
        frame = rows(REFERENCE_DAYS + first, count, **changes)
        self.workspace.log(MODEL, frame.drop(columns="truth"))
        if labels:
            self.label(frame)
        return frame

    def label(self, frame: pd.DataFrame) -> None:
        """Send the true values of rows."""
        self.workspace.label(MODEL, frame[["prediction_id", "truth"]])

    def run_at(self, day: float) -> Any:
        """Let it be so many days after :data:`LIVE`, and run."""
        self.clock.now = LIVE + timedelta(days=day)
        (view,) = self.workspace.run(MODEL)
        return view

    def stored(self, table: str) -> int:
        """Count the rows of a DuckDB table."""
        with self.workspace.core.db.cursor() as cursor:
            (row,) = cursor.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(row[0])

    def trained(self, **arguments: Any) -> Any:
        """Retrain and return the job once it is over."""
        job = self.workspace.retrain(MODEL, **arguments)
        return self.finished(job["id"])

    def finished(self, job_id: str) -> Any:
        end = time.monotonic() + 60
        while (job := self.workspace.job(job_id))["state"] in ("queued", "running"):
            assert time.monotonic() < end, job["log"]
            time.sleep(0.01)
        return job


def _open(home: Path, clock: Clock) -> LocalWorkspace:
    workspace = LocalWorkspace.open(empty(home), now=clock)
    workspace.core.runner = InProcessRunner()
    return workspace


@contextmanager
def tiny(home: Path, declaration: str = DECLARATION, clock: Clock | None = None) -> Iterator[Tiny]:
    """Open a home with a declaration; it is closed at the end, however often it was opened again."""
    clock = clock or Clock()
    opened = Tiny(home, _open(home, clock), clock)
    if declaration:
        opened.workspace.apply(declaration)
    try:
        yield opened
    finally:
        opened.runner.join()
        opened.workspace.close()


def rows(
    first: int,
    count: int = 1,
    *,
    a_day: int = A_DAY,
    shift: float = 0.0,
    bias: float = 0.0,
    prefix: str = "p",
    version: str = "v0",
) -> pd.DataFrame:
    """Return days counted from :data:`START`: distances around 10 + ``shift``, truth = 2 · distance + ``bias`` + noise, guessed without the bias."""
    frames = []
    for day in range(first, first + count):
        rng = np.random.default_rng(day)
        distance = rng.normal(10 + shift, 2, a_day)
        spacing = timedelta(days=1) / a_day
        frames.append(
            pd.DataFrame(
                {
                    "prediction_id": [f"{prefix}{day}-{number}" for number in range(a_day)],
                    "event_time": [START + timedelta(days=day) + spacing * number for number in range(a_day)],
                    "model_version": version,
                    "distance": distance,
                    "city": rng.choice(CITIES, a_day, p=[0.5, 0.3, 0.2]),
                    "guess": 2 * distance,
                    "truth": 2 * distance + bias + rng.normal(0, 1, a_day),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
