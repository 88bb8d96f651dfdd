"""A real ``driftdeck serve`` in a process of its own, with the examples' model: what the documentation's commands run against."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = Path(sys.executable).with_name("driftdeck")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The README's path up to ``driftdeck serve``: its environment, with the address of the process."""
    home = tmp_path_factory.mktemp("served")
    environment = clean() | {"DRIFTDECK_HOME": str(home / "home")}
    training = home / "training.csv"
    training.write_text(run([sys.executable, EXAMPLES / "churn_data.py"], environment))
    driftdeck(environment, "apply", EXAMPLES / "driftdeck.toml")
    driftdeck(environment, "reference", "churn", training)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([COMMAND, "serve", "--port", "0"], env=environment, stderr=log)
        try:
            endpoint = home / "home" / "endpoint.json"
            deadline = time.monotonic() + 60
            while not endpoint.exists():
                assert process.poll() is None, (home / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield environment | {"DECK_URL": json.loads(endpoint.read_text())["url"]}
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    assert "Traceback" not in (home / "log").read_text()


def clean() -> dict[str, str]:
    """Return this process's environment without what is meant for Driftdeck."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("DRIFTDECK_", "DECK_"))}


def run(command: list[object], environment: dict[str, str]) -> str:
    """Run a command to its good end and return what it printed."""
    done = subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def driftdeck(environment: dict[str, str], *words: object) -> Any:
    """Run a command of Driftdeck and return its JSON."""
    return json.loads(run([COMMAND, *words, "--json"], environment))
