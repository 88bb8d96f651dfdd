"""Filling a training job's folder: the rows it learns from and the request that says what to do with them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reference_data.training import CODE_FOLDER
from reference_data.windows import Window
from retraining import job_files
from retraining.job_files import JobRequest
from service.local.choosing import incumbent, next_version
from service.local.planning import planned
from service.workspace import WorkspaceError
from storage.faults import fault_point
from storage.logs import export_parquet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.local.core import Core


def prepare(core: Core, job: Mapping[str, Any]) -> None:
    """Write a job's rows and its request; may be done again as long as its process has not been started.

    Raises :class:`WorkspaceError` when no labelled row lies in the period.
    """
    spec, folder = core.spec(job["model"]), core.home.jobs / job["id"]
    if job.get("again"):
        _once_more(core, job)
        return
    if int(job.get("attempt", 1)) > 1 and (folder / job_files.REQUEST).exists():
        return  # another attempt is made on the rows of the first
    start, end = (datetime.fromisoformat(edge) for edge in job["period"])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    rows = export_parquet(core.db, spec, start, end, folder / job_files.ROWS, labelled_only=True)
    if rows == 0:
        raise WorkspaceError("no labelled row lies in the period")
    fault_point("job.after_rows")
    champion = core.roles(spec.name).champion
    request = JobRequest(
        model=spec.name,
        version=next_version(core, spec.name),
        spec=spec,
        period=Window(start, end),
        holdout=spec.retrain.holdout if champion else None,
        champion=incumbent(core, spec.name, champion) if champion else None,
        requested_by=job["requested_by"],
        reason=job["reason"],
        alert_id=job["alert_id"],
        code=str((core.home.root / CODE_FOLDER).resolve()),
    )
    job_files.write_request(folder, planned(core, job, request))


def _once_more(core: Core, job: Mapping[str, Any]) -> None:
    """Take the rows and the request of an earlier job as they were, but for the version's name."""
    folder, earlier = core.home.jobs / job["id"], core.home.jobs / job["again"]
    request = job_files.read_request(earlier)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(earlier / job_files.ROWS, folder / job_files.ROWS)
    fault_point("job.after_rows")
    champion = request.champion
    if champion is not None and champion.version in core.versions(request.model):
        champion = incumbent(core, request.model, champion.version)  # its artefact may lie elsewhere by now
    asked = {"requested_by": job["requested_by"], "reason": job["reason"], "alert_id": job["alert_id"]}
    version = next_version(core, request.model)
    job_files.write_request(folder, replace(request, version=version, champion=champion, **asked))
