"""The demo on 4 June 2013: played once in a run of the tests, by whichever worker needs it first; everybody gets a copy."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.serving import DRIFTDECK, free_port, get, process

BUILD_SECONDS = 420  # on a machine that does other things beside
PLAYED = "the replay stands at 4 June 2013"


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Call it with a folder that is not there yet: it becomes the home that ``driftdeck demo`` made from nothing, closed."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    shared.mkdir(exist_ok=True)
    with (shared / "busy").open("w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        if not (shared / "home").exists():
            (shared / "made").mkdir(exist_ok=True)
            _play(shared / "made").rename(shared / "home")
    return lambda to: Path(shutil.copytree(shared / "home", to))


def _play(folder: Path) -> Path:
    home, log, port = folder / "home", folder / "log", free_port()
    base = f"http://127.0.0.1:{port}"
    with process([DRIFTDECK, "--home", str(home), "demo", "--port", str(port)], f"{base}/healthz", log):
        wait_for_the_story(base, log)
        end = time.monotonic() + BUILD_SECONDS
        while PLAYED not in log.read_text(errors="replace"):  # the clock is set last
            assert time.monotonic() < end, log.read_text(errors="replace")[-1000:]
            time.sleep(0.1)
    return home


def wait_for_the_story(base: str, log: Path) -> None:
    """Wait until the demo at an address has judged the week that ends on 4 June."""
    end = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < end:
        models = get(f"{base}/api/v1/models")
        if models and str(models[0]["last_run"]).startswith("2013-06-04"):
            return
        time.sleep(0.2)
    raise AssertionError(
        f"the demo did not reach 4 June in {BUILD_SECONDS} s: {log.read_text(errors='replace')[-1000:]}"
    )
