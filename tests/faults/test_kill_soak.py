"""The long run of the kill tests: points and passages drawn at random."""

import random
import signal
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from storage.home import Home, HomeLock
from tests.faults import victim
from tests.faults.test_kill import STORAGE_POINTS, check_kept, check_whole, forkserver, run

__all__ = ["forkserver"]  # a fixture
KILLS = 200


@pytest.mark.soak
def test_two_hundred_kills_lose_and_double_nothing(forkserver: BaseContext, tmp_path: Path):
    draw = random.Random(20130430)
    killed = 0
    for number in range(KILLS):
        point, passage = draw.choice(STORAGE_POINTS), draw.randint(1, 20)
        folder = tmp_path / f"home{number}"
        code, steps = run(forkserver, folder, f"{point}=kill@{passage}")
        killed += code == -signal.SIGKILL
        home = Home.create(folder)
        with HomeLock(home):
            check_kept(home, steps)
            for _, step in victim.work(home):
                step()
            check_whole(home)
    assert killed > KILLS / 4  # the other passages lie beyond the end of the work
