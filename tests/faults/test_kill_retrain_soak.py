"""The long run of the kills of training: points, and moments of service or job, drawn at random."""

import json
import os
import random
import signal
import time
from contextlib import suppress
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from retraining import job_files
from tests.faults import retrain_victim
from tests.faults.test_kill_retrain import OUTCOMES, check_after, copied, forkserver, prepared, run

__all__ = ["forkserver", "prepared"]  # fixtures
KILLS = 200
LONGEST = 4.0  # seconds until a kill by the clock


def kill_at(forkserver: BaseContext, home: Path, seconds: float, *, job: bool) -> bool:
    """Let a service train, kill it or its job after a while, and return whether it was still there to be killed."""
    process = forkserver.Process(target=retrain_victim.main, args=(home, ""))  # type: ignore[attr-defined]
    process.start()
    time.sleep(seconds)
    if not job:
        process.kill()
        process.join()
        return bool(process.exitcode == -signal.SIGKILL)
    killed = False
    for path in home.glob(f"jobs/*/{job_files.PROCESS}"):
        with suppress(ProcessLookupError):
            os.kill(json.loads(path.read_bytes())["pid"], signal.SIGKILL)
            killed = True
    process.join()
    return killed


@pytest.mark.soak
def test_two_hundred_kills_leave_no_half_artefact(forkserver: BaseContext, prepared: Path, tmp_path: Path) -> None:
    draw, states, killed = random.Random(20130430), set(), 0
    for number in range(KILLS):
        home = copied(prepared, tmp_path / f"home{number}")
        if draw.random() < 0.3:
            point = draw.choice(list(OUTCOMES))
            code = run(forkserver, home, f"{point}=kill")
            killed += point.startswith("train.") or code == -signal.SIGKILL
        else:
            killed += kill_at(forkserver, home, draw.uniform(0, LONGEST), job=draw.random() < 0.5)
        states.add(check_after(home))
    assert killed > number / 4  # the other moments lie before the beginning or after the end
    assert states <= {"none", "succeeded", "lost"}
