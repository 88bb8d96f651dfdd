"""Jobs wait for their turn and start in the order in which they were asked for, whichever process of the service is there then."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from retraining import job_files
from service.local.preparing import prepare
from storage.control_loop import ACTIVE
from storage.faults import fault_point

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from retraining.job_runner import JobStatus
    from service.local.core import Core

log = logging.getLogger(__name__)
_STARTING = 60.0  # seconds within which a process that was launched has noted that it is there
_CLOSING = 60.0  # seconds for which closing waits for rows that are being written


def advance(core: Core) -> None:
    """Start the jobs whose turn it is: the longest waiting first, while fewer than ``core.max_jobs`` are at work."""
    with core.queueing:
        active = [job for job in core.control.jobs() if job["state"] in ACTIVE]
        core.preparing = {key: thread for key, thread in core.preparing.items() if key in {job["id"] for job in active}}
        waiting = [job for job in active if waits(core, job)]
        free = core.max_jobs - sum(_at_work(core, job) for job in active)
        for job in waiting[: max(0, free)]:
            name = f"job-{job['id']}"
            thread = threading.Thread(target=_start, args=(core, job), name=name, daemon=True)
            core.preparing[job["id"]] = thread
            thread.start()


def waits(core: Core, job: Mapping[str, Any]) -> bool:
    """Whether nothing has been done for a job yet."""
    folder = core.home.jobs / job["id"]
    return (
        job["state"] == "queued"
        and job["id"] not in core.preparing
        and core.runner.status(folder).state == "queued"
        and not _launched_just_now(folder)
    )


def ahead(core: Core, job: Mapping[str, Any]) -> int:
    """Return how many jobs a waiting one lets pass: those at work, and those that were asked for before it."""
    active = [other for other in core.control.jobs() if other["state"] in ACTIVE]
    ids = [other["id"] for other in active]
    before = ids.index(job["id"]) if job["id"] in ids else 0
    return sum(_at_work(core, other) for other in active[before:]) + before


def take_again(core: Core, job: Mapping[str, Any], status: JobStatus) -> bool:
    """Queue a job once more whose process died, if its model's ``retries`` allow it; returns whether they do."""
    attempt, record = int(job.get("attempt", 1)), core.control.model_records().get(job["model"])
    if not status.died or record is None or attempt > record.spec.retrain.retries:
        return False
    folder, words = core.home.jobs / job["id"], f"attempt {attempt} of {job['id']}: {status.error}"
    job_files.clear(folder, f"{words}; attempt {attempt + 1} follows")
    core.preparing.pop(job["id"], None)
    again = {"state": "queued", "attempt": attempt + 1, "started_at": None, "exit_code": None, "error": None}
    core.control.append_job_event(dict(job) | again)
    detail = {"model": job["model"], "attempt": attempt + 1, "because": status.error}
    core.control.append_audit("driftdeck", "retry", job["id"], detail, "workspace", core.now())
    return True


def finish_preparing(core: Core) -> None:
    """Wait, before a home is closed, for jobs whose rows are being written: they are started, and go on by themselves."""
    until = time.monotonic() + _CLOSING
    for thread in list(core.preparing.values()):
        thread.join(max(0.0, until - time.monotonic()))


def _start(core: Core, job: Mapping[str, Any]) -> None:
    """Write the job's rows and start its process; what goes wrong becomes the job's error."""
    folder = core.home.jobs / job["id"]
    try:
        prepare(core, job)
        fault_point("job.before_launch")
        with core.mutex:
            if core.control.job(job["id"])["state"] in ACTIVE:  # not cancelled meanwhile
                (folder / job_files.LAUNCHED).touch()
                core.runner.launch(folder)
                fault_point("job.after_launch")
    except Exception as error:
        log.exception("job %s could not be started", job["id"])
        ended = {"state": "failed", "error": str(error), "ended_at": core.now().isoformat()}
        with core.mutex:
            now = core.control.job(job["id"])
            if now["state"] in ACTIVE:  # who cancelled it meanwhile was told so
                core.control.append_job_event(now | ended)


def _at_work(core: Core, job: Mapping[str, Any]) -> bool:
    folder = core.home.jobs / job["id"]
    state = core.runner.status(folder).state
    return state == "running" or (state == "queued" and (job["id"] in core.preparing or _launched_just_now(folder)))


def _launched_just_now(folder: Path) -> bool:
    """Whether a process was launched that may not have come to noting it: by a service that was killed just then."""
    try:
        return time.time() - (folder / job_files.LAUNCHED).stat().st_mtime < _STARTING
    except FileNotFoundError:
        return False


def spoken(core: Core, job: Mapping[str, Any]) -> str:
    """Return what a job that has not begun waits for, in words."""
    if not waits(core, job):
        return "waiting to start"
    before = ahead(core, job)
    return "waiting for its turn" + (f": {before} before it" if before else "")
