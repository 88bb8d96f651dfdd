"""Training jobs as processes. A job's whole state is in its folder, so a restarted service finds the truth there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import psutil

from reference_data.section import parse_duration
from retraining import environment, job_files

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "lost"]
_ROOT = Path(__file__).resolve().parent.parent
_TAIL_BYTES = 64 * 1024
#: By folder. Jobs outlive the runner that started them, and only the process that did can ask how they ended.
_CHILDREN: dict[Path, subprocess.Popen[bytes]] = {}
_CLOCK_SLACK = 5.0  # seconds: creation times move when the machine's clock is set


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Where a job stands. ``progress`` is 0 to 1; ``started`` and ``ended`` are seconds since 1970.

    ``exit_code`` is negative for a signal, and None where nobody was there to see it. ``lost``: the process is gone and
    has left neither a result nor a reason.
    """

    state: State
    progress: float = 0.0
    step: str = ""
    message: str = ""
    eta_seconds: float | None = None
    pid: int | None = None
    exit_code: int | None = None
    error: str | None = None
    started: float | None = None
    ended: float | None = None
    died: bool = False  # by nobody's wish and without a word: another attempt may do better

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in {"queued", "running"}


class JobRunner:
    """Starts, watches and stops training jobs. ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        *,
        nice: int = 10,
        memory_limit: int = 0,
        timeout: float | None = None,
        grace: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = ["--nice", str(nice), "--memory-limit", str(memory_limit)]
        self._timeout, self._grace, self._clock = timeout, grace, clock
        self._lock = Lock()

    def launch(self, job_dir: Path) -> int:
        """Start the job whose request and rows stand in ``job_dir``, in a process group of its own, and return its pid.

        A job that was launched before is not launched again. Raises :class:`FileNotFoundError` naming the file that lacks.
        """
        for name in (job_files.REQUEST, job_files.ROWS):
            if not (job_dir / name).exists():
                raise FileNotFoundError(f"{job_dir / name} is missing; write it before the job is started")
        with self._lock:
            earlier = _read(job_dir / job_files.PROCESS)
            if earlier is not None:
                return int(earlier["pid"])
            with (job_dir / job_files.LOG).open("ab") as log:
                child = subprocess.Popen(  # noqa: S603  our own module, on a folder we made
                    [sys.executable, "-m", "retraining.train_job", str(job_dir.resolve()), *self._limits],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    cwd=job_dir,
                    env=_environment(job_dir),
                )
            _CHILDREN[job_dir.resolve()] = child
            job_files.record_process(job_dir, child.pid)
            return child.pid

    def status(self, job_dir: Path) -> JobStatus:
        """Return where a job stands, whoever started it; one that has run out of time is stopped first."""
        process = _read(job_dir / job_files.PROCESS)
        if process is None:
            return JobStatus("queued")
        running = _alive(process)
        code = self._exit_code(job_dir, gone=not running)
        longest = _longest(job_dir, self._timeout) if running else None
        if longest is not None and self._clock() - process["created"] > longest:
            self._stop(job_dir, process, "failed", f"stopped after {longest:g} s, the longest a job may take")
            running = _alive(process)
            code = self._exit_code(job_dir, gone=not running)
        if not running:
            _end_left(process)
        return _status(job_dir, process, code, running=running)

    def cancel(self, job_dir: Path, reason: str = "cancelled") -> JobStatus:
        """Stop a job: SIGTERM to its process group, SIGKILL after the grace time; returns where it then stands.

        A job that is over stays as it is; a result that was written before the signal stands.
        """
        process = _read(job_dir / job_files.PROCESS)
        if process is not None and _alive(process):
            self._stop(job_dir, process, "cancelled", reason)
        return self.status(job_dir)

    def wait(self, job_dir: Path, seconds: float, poll: float = 0.1) -> JobStatus:
        """Return where a job stands once it is over, or after ``seconds``."""
        until = time.monotonic() + seconds
        while not (status := self.status(job_dir)).over and time.monotonic() < until:
            time.sleep(poll)
        return status

    def _stop(self, job_dir: Path, process: dict[str, Any], state: State, reason: str) -> None:
        job_files.write_json(job_dir / job_files.CANCEL, {"state": state, "reason": reason})
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal(process["pid"], number)
            until = time.monotonic() + self._grace
            while _alive(process) and time.monotonic() < until:
                self._exit_code(job_dir, gone=False)  # reaps our own child
                time.sleep(0.02)
            if not _alive(process):
                return

    def _exit_code(self, job_dir: Path, *, gone: bool) -> int | None:
        """Return how our own child ended; one that is ``gone`` tells once the last of its threads is."""
        child = _CHILDREN.get(job_dir.resolve())
        if child is None:
            return None
        if gone or (job_dir / job_files.RESULT).exists():  # it has only to say goodbye
            with suppress(subprocess.TimeoutExpired):
                child.wait(self._grace)
        return child.poll()


def log_tail(job_dir: Path, limit: int = _TAIL_BYTES) -> str:
    """Return the end of a job's log, at most ``limit`` bytes of it, from the beginning of a line."""
    try:
        with (job_dir / job_files.LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return text if size <= limit else text.partition("\n")[2]


def _status(job_dir: Path, process: dict[str, Any], code: int | None, *, running: bool) -> JobStatus:
    line = _last_progress(job_dir / job_files.PROGRESS)
    common: dict[str, Any] = {
        "step": line.get("step", "starting"),
        "message": line.get("message", ""),
        "progress": float(line.get("progress", 0.0)),
        "pid": process["pid"],
        "started": process["created"],
    }
    if (job_dir / job_files.RESULT).exists():  # the last thing a job writes: it counts, whatever came after
        return JobStatus(
            "succeeded", **{**common, "progress": 1.0}, exit_code=0, ended=_changed(job_dir / job_files.RESULT)
        )
    if running:
        return JobStatus("running", **common, eta_seconds=line.get("eta_seconds"))
    failure, stopped = _read(job_dir / job_files.FAILURE), _read(job_dir / job_files.CANCEL)
    if failure is not None:
        ended = _changed(job_dir / job_files.FAILURE)
        return JobStatus("failed", **common, exit_code=1, error=failure["error"], ended=ended)
    ended = _changed(job_dir / job_files.LOG)
    if stopped is not None:
        return JobStatus(stopped["state"], **common, exit_code=code, error=stopped["reason"], ended=ended)
    if code is not None:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        error = f"the process {how}; see the log"
        return JobStatus("failed", **common, exit_code=code, error=error, ended=ended, died=code < 0)
    words = "the process is gone and left no result: the machine or the service was stopped; start a new job"
    return JobStatus("lost", **common, error=words, ended=ended, died=True)


def _longest(job_dir: Path, default: float | None) -> float | None:
    """Return how many seconds a job may take: what its model declares, and no more than ``default``."""
    declared = _declared(job_dir).get("job_timeout")
    limits = [] if declared is None else [parse_duration(declared).total_seconds()]
    return min([*limits, *([] if default is None else [default])], default=None)


def _declared(job_dir: Path) -> dict[str, Any]:
    """What the job's model declares of training."""
    request = _read(job_dir / job_files.REQUEST) or {}
    return dict(request.get("spec", {}).get("retrain", {}))


def _environment(job_dir: Path) -> dict[str, str]:
    """What a job may know of the service's environment, with our packages importable and the output unbuffered.

    Secrets of channels, sources and stores stay with the service; what training code needs is named by ``retrain.env``.
    Threads that spin while they wait for one another starve on a busy machine (60 times slower was seen): they sleep, and
    leave a core to the service. What the operator has set stands.
    """
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    threads = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 2) - 1))}
    ours = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1"}
    return threads | environment.of_job(_declared(job_dir).get("env") or ()) | ours


def _alive(process: dict[str, Any]) -> bool:
    """Whether the very process runs: the pid alone may belong to another by now."""
    try:
        found = psutil.Process(process["pid"])
        same = process["created"] is not None and abs(found.create_time() - process["created"]) < _CLOCK_SLACK
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)  # the child leads its own group
    except ProcessLookupError:
        return


def _end_left(process: dict[str, Any]) -> None:
    """End what a job that is gone has left running: the operator's commands are in its process group."""
    if process["created"] is None or psutil.pid_exists(process["pid"]):
        return
    for other in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(other.pid) == process["pid"] and other.create_time() >= process["created"] - _CLOCK_SLACK:
                other.kill()


def _last_progress(path: Path) -> dict[str, Any]:
    """The latest whole line; a line that is being written is passed over."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return {}
    return dict(json.loads(lines[-1])) if lines else {}


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
