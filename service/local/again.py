"""A training done once more, on the same rows by the same request: what it makes is held against what was made then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from retraining import job_files
from service.local.job_queue import advance
from service.local.jobs import job_view, settle
from service.workspace import NotFoundError, WorkspaceError
from storage.errors import MissingRecordError

if TYPE_CHECKING:
    from service import views
    from service.local.core import Core


def again(core: Core, job_id: str, *, actor: str) -> views.JobView:
    """Train once more what a job trained. Raises :class:`NotFoundError` without such a job, :class:`WorkspaceError` without its rows."""
    try:
        earlier = core.control.job(job_id)
    except MissingRecordError as error:
        raise NotFoundError(str(error)) from None
    model, folder = earlier["model"], core.home.jobs / job_id
    settle(core, model)
    if earlier["kind"] != "retrain":
        raise WorkspaceError(f"job {job_id} is a study ({earlier['kind']}) and made no version; name a retrain")
    if not ((folder / job_files.ROWS).exists() and (folder / job_files.REQUEST).exists()):
        raise WorkspaceError(
            f"the rows of job {job_id} are no longer kept, so it cannot be done again; start a new one"
        )
    job: dict[str, Any] = {
        "id": uuid4().hex[:12],
        "model": model,
        "kind": "retrain",
        "state": "queued",
        "requested_by": actor,
        "reason": f"job {job_id} once more, to see whether it makes the same: {earlier['reason']}",
        "alert_id": earlier["alert_id"],
        "created_at": core.now().isoformat(),
        "started_at": None,
        "ended_at": None,
        "exit_code": None,
        "error": None,
        "version": None,
        "period": earlier["period"],
        "request_key": None,
        "attempt": 1,
        "again": job_id,
    }
    kept = core.control.start_job_once(job)
    if kept["id"] == job["id"]:
        detail = {"job": job["id"], "again": job_id}
        core.control.append_audit(actor, "retrain", model, detail, "workspace", core.now())
    advance(core)
    return job_view(core, kept)
