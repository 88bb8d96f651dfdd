"""Following training jobs: what has become of them, taking in what succeeded, cancelling."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from retraining.job_runner import JobStatus, log_tail
from service.local.convert import iso
from service.local.job_queue import advance, spoken, take_again
from service.local.registering import register
from service.workspace import ConflictError, NotFoundError
from storage.errors import MissingRecordError, StorageError

if TYPE_CHECKING:
    from service import views
    from service.local.core import Core

log = logging.getLogger(__name__)
ACTIVE = ("queued", "running")


def settle(core: Core, model: str | None = None, *, wait: bool = True) -> None:
    """Take note of jobs that have ended: register what succeeded, record what did not.

    Without ``wait``, that is left to whoever asks next when a run is under way: what only looks must not wait for it.
    """
    if model is not None:
        core.record(model)
    if all(job["state"] not in ACTIVE for job in core.control.jobs(model)) or not core.mutex.acquire(blocking=wait):
        return
    try:
        for job in core.control.jobs(model):
            if job["state"] in ACTIVE:
                _settle_job(core, job)
    finally:
        core.mutex.release()


def follow(core: Core) -> None:
    """Take note of what has ended, and start whose turn it is."""
    settle(core, wait=False)
    advance(core)


def _settle_job(core: Core, job: dict[str, Any]) -> None:
    status = core.runner.status(core.home.jobs / job["id"])
    if status.state == "succeeded":
        try:
            register(core, job, _ended(core, status))
        except StorageError:  # a full disk passes: the result stays where it is, to be registered then
            raise
        except Exception as error:  # a result that cannot be taken in must not bar the way to every other
            log.exception("the result of job %s could not be registered", job["id"])
            failed = {"state": "failed", "error": f"its result could not be registered: {error}"}
            core.control.append_job_event(job | _ended(core, status) | failed)
    elif status.over and not take_again(core, job, status):
        core.control.append_job_event(job | _ended(core, status))
    elif status.state == "running" and job["state"] == "queued":
        core.control.append_job_event(job | {"state": "running", "started_at": core.now().isoformat()})


def lose_orphans(core: Core) -> None:
    """On opening a home: a job that was running and of whose process nothing is left is lost. Queued ones wait for their turn."""
    for job in core.control.jobs():
        if job["state"] == "running" and core.runner.status(core.home.jobs / job["id"]).state == "queued":
            status = JobStatus("lost", error="nothing is left of its process; start a new job", died=True)
            if not take_again(core, job, status):
                core.control.append_job_event(job | _ended(core, status))


def _ended(core: Core, status: JobStatus) -> dict[str, Any]:
    return {
        "state": status.state,
        "error": status.error,
        "exit_code": status.exit_code,
        "ended_at": core.now().isoformat(),
    }


def jobs(core: Core, model: str | None) -> list[views.JobView]:
    """Return jobs, the latest first."""
    settle(core, model, wait=False)
    return [job_view(core, job) for job in reversed(core.control.jobs(model))]


def job(core: Core, job_id: str) -> views.JobView:
    """Return one job as it stands now."""
    try:
        found = core.control.job(job_id)
        settle(core, found["model"], wait=False)
        advance(core)
        return job_view(core, core.control.job(job_id))
    except MissingRecordError as error:
        raise NotFoundError(str(error)) from None


def cancel(core: Core, job_id: str, actor: str) -> views.JobView:
    """Stop a job; one that is over is a conflict."""
    found = job(core, job_id)
    if found["state"] not in ACTIVE:
        raise ConflictError(f"job {job_id} is over ({found['state']}); there is nothing to cancel")
    words = f"cancelled by {actor}"
    with core.mutex:
        if core.runner.cancel(core.home.jobs / job_id, words).state == "queued":  # its rows are still being written
            ended = {"state": "cancelled", "error": words, "ended_at": core.now().isoformat()}
            core.control.append_job_event(core.control.job(job_id) | ended)
    core.control.append_audit(actor, "cancel", job_id, {"model": found["model"]}, "workspace", core.now())
    return job(core, job_id)


def asked_for(core: Core, kept: Mapping[str, Any], kind: str) -> views.JobView:
    """Return the job that serves a request; raises :class:`ConflictError` when the model is at work on something of another kind."""
    if kept["kind"] != kind:
        raise ConflictError(
            f"job {kept['id']} of {kept['model']!r}, a {kept['kind'].replace('_', ' ')}, is under way, and a model does one thing at a time: "
            "wait for it, or cancel it"
        )
    return job_view(core, kept)


def job_view(core: Core, found: Mapping[str, Any]) -> views.JobView:
    """Return a job with its live progress and log."""
    zone = core.spec(found["model"]).zone
    folder = core.home.jobs / found["id"]
    status = core.runner.status(folder) if found["state"] in ACTIVE else None
    live = status is not None and status.state != "queued"

    def moment(name: str) -> str | None:
        return iso(datetime.fromisoformat(found[name]), zone) if found[name] else None

    return {
        "id": found["id"],
        "model": found["model"],
        "kind": found["kind"],
        "state": status.state if status is not None and not status.over else found["state"],
        "progress": status.progress if status else 1.0 if found["state"] == "succeeded" else 0.0,
        "step": (status.message or status.step)
        if status and live
        else spoken(core, found)
        if status
        else found["state"],
        "eta_seconds": status.eta_seconds if status else None,
        "requested_by": found["requested_by"],
        "reason": found["reason"],
        "alert_id": found["alert_id"],
        "created_at": moment("created_at") or "",
        "started_at": moment("started_at"),
        "ended_at": moment("ended_at"),
        "exit_code": found["exit_code"],
        "error": found["error"],
        "version": found["version"],
        "period": [iso(datetime.fromisoformat(edge), zone) for edge in found["period"]],
        "log": log_tail(folder),
    }
