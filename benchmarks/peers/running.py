"""Run a peer, or any command, and measure the whole process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import PeerError, installed, known, python, script

#: what is compiled once is not compiled at every start, as it is for a tool's users; ours is run so too
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
#: no peer may call home, or fetch models
QUIET = {
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "True",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "PYTHONWARNINGS": "ignore",
    **COMPILED,
}
#: A parent that measures: a child's peak counts what its parent held when it was started, so the parent has to be small.
_PARENT = """
import json, os, sys, time
began = time.perf_counter()
pid = os.fork()
if pid == 0:
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print(error, file=sys.stderr)
        os._exit(127)
_, status, usage = os.wait4(pid, 0)
with open(sys.argv[1], "w") as file:
    json.dump({"code": os.waitstatus_to_exitcode(status), "wall": time.perf_counter() - began,
               "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)}, file)
"""


@dataclass(frozen=True)
class Measured:
    """What a command did: exit code, output, seconds, and bytes of its largest process."""

    code: int
    stdout: str
    stderr: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end; CPU seconds are those of the process and all the children it waited for."""
    with tempfile.TemporaryDirectory() as folder:
        figures, out, err = (Path(folder) / name for name in ("figures", "out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            subprocess.run(
                [sys.executable, "-I", "-S", "-c", _PARENT, str(figures), *map(str, command)],
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **(environment or {})},
                check=True,
            )
        found = json.loads(figures.read_text())
        return Measured(
            found["code"], out.read_text(), err.read_text(), found["wall"], found["cpu"], int(found["peak"])
        )


def run_peer(name: str, args: Sequence[str | Path]) -> dict[str, Any]:
    """Run a peer's script with ``args``; returns its document with ``cpu_seconds``, ``wall_seconds`` and ``peak_bytes``.

    Raises :class:`PeerError` when the peer is not installed or its script fails.
    """
    if not installed(known(name)):
        raise PeerError(f"peer {name!r} is not installed; run: python -m benchmarks.peers install {name}")
    asking = script(name)
    done = measure([python(name), asking, *args], environment=QUIET)
    if done.code:
        raise PeerError(f"{asking.name} {' '.join(map(str, args))}: exit code {done.code}\n{done.stderr[-4000:]}")
    return {
        **json.loads(done.stdout),
        "cpu_seconds": done.cpu_seconds,
        "wall_seconds": done.wall_seconds,
        "peak_bytes": done.peak_bytes,
    }
