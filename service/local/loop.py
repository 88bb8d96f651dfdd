"""From alert to rollback: starting a retrain, versions, deployments."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from reference_data.training import CODE_FOLDER
from reference_data.windows import Window
from retraining import job_files, rollout
from retraining.job_files import JobRequest
from service.local.choosing import alert_behind, choose_period, incumbent, next_version, refuse_unknown_alert
from service.local.convert import iso
from service.local.jobs import ACTIVE, job_view, settle
from service.workspace import ConflictError, WorkspaceError
from storage.faults import fault_point
from storage.logs import export_parquet

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service import views
    from service.local.core import Core

log = logging.getLogger(__name__)


def retrain(
    core: Core,
    model: str,
    *,
    since: datetime | None,
    until: datetime | None,
    alert_id: str | None,
    actor: str,
    request_key: str | None,
) -> views.JobView:
    """Start one training job, or return the one that is under way."""
    spec = core.spec(model)
    if not spec.features:
        raise WorkspaceError(
            f"model {model!r} declares no features to train on; declare them or freeze a reference first"
        )
    settle(core, model)
    if alert_id is not None:
        refuse_unknown_alert(core, model, alert_id)
    period, reason = choose_period(core, spec, since, until)
    alert = alert_id or alert_behind(core, model)
    job: dict[str, Any] = {
        "id": uuid4().hex[:12],
        "model": model,
        "kind": "retrain",
        "state": "queued",
        "requested_by": actor,
        "reason": reason,
        "alert_id": alert,
        "created_at": core.now().isoformat(),
        "started_at": None,
        "ended_at": None,
        "exit_code": None,
        "error": None,
        "version": None,
        "period": [period.start.isoformat(), period.end.isoformat()],
        "request_key": request_key,
    }
    kept = core.control.start_job_once(job)
    if kept["id"] == job["id"]:
        detail = {"job": job["id"], "period": job["period"], "alert": alert}
        core.control.append_audit(actor, "retrain", model, detail, "workspace", core.now())
        threading.Thread(target=_launch, args=(core, spec, job, period), name=f"job-{job['id']}", daemon=True).start()
    return job_view(core, kept)


def _launch(core: Core, spec: ModelSpec, job: dict[str, Any], period: Window) -> None:
    """Write the job's rows and start its process; what goes wrong becomes the job's error."""
    folder = core.home.jobs / job["id"]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        rows = export_parquet(core.db, spec, period.start, period.end, folder / job_files.ROWS, labelled_only=True)
        if rows == 0:
            raise WorkspaceError("no labelled row lies in the period")
        champion = core.roles(spec.name).champion
        request = JobRequest(
            model=spec.name,
            version=next_version(core, spec.name),
            spec=spec,
            period=period,
            holdout=spec.retrain.holdout if champion else None,
            champion=incumbent(core, spec.name, champion) if champion else None,
            requested_by=job["requested_by"],
            reason=job["reason"],
            alert_id=job["alert_id"],
            code=str((core.home.root / CODE_FOLDER).resolve()),
        )
        job_files.write_request(folder, request)
        fault_point("job.before_launch")
        with core.mutex:
            if core.control.job(job["id"])["state"] in ACTIVE:  # not cancelled meanwhile
                core.runner.launch(folder)
    except Exception as error:
        log.exception("job %s could not be started", job["id"])
        ended = core.now().isoformat()
        core.control.append_job_event(job | {"state": "failed", "error": str(error), "ended_at": ended})


# -- versions and roles ------------------------------------------------------------------------------------------------
def versions(core: Core, model: str) -> list[views.VersionView]:
    """Return the registered versions, the latest first."""
    settle(core, model, wait=False)
    roles = core.roles(model)
    return [version_view(core, record, roles) for record in reversed(core.control.versions(model))]


def version_view(core: Core, record: Mapping[str, Any], roles: rollout.Roles) -> views.VersionView:
    """Return one version with the role it has now."""
    zone = core.spec(record["model"]).zone

    def edges(moments: list[str]) -> list[str]:
        return [iso(datetime.fromisoformat(moment), zone) for moment in moments]

    return {
        "version": record["version"],
        "model": record["model"],
        "role": roles.role(record["version"]),
        "share": roles.share if record["version"] == roles.canary else None,
        "created_at": iso(datetime.fromisoformat(record["created_at"]), zone),
        "created_by": record["created_by"],
        "period": edges(record["period"]),
        "rows": record["rows"],
        "trainer": record["trainer"],
        "sha256": record["card"]["sha256"],
        "reference_version": record["reference_version"],
        "alert_id": record["alert_id"],
        "job_id": record["job_id"],
        "gate": record["gate"]["rows"],
        "gate_verdict": record["gate"]["verdict"],
        "gate_sentence": record["gate"]["sentence"],
        "holdout": edges(record["holdout"]) if record["holdout"] else None,
        "metrics": record["metrics"],
        "importance": record["importance"],
    }


def deploy(core: Core, model: str, version: str, *, role: str, share: float | None, actor: str) -> views.VersionView:
    """Give a version a role."""
    settle(core, model)
    with core.mutex:
        record = core.version(model, version)
        try:
            event = rollout.deploy(
                core.deployments(model),
                version,
                role,
                at=core.now(),
                actor=actor,
                known=core.versions(model),
                share=share,
                reference_version=record["reference_version"],
            )
        except rollout.RolloutError as error:
            raise ConflictError(str(error)) from None
        _append(core, model, event)
    return version_view(core, record, core.roles(model))


def rollback(core: Core, model: str, actor: str) -> views.VersionView:
    """Bring back the champion before the present one."""
    core.record(model)
    with core.mutex:
        try:
            event = rollout.rollback(core.deployments(model), at=core.now(), actor=actor)
        except rollout.RolloutError as error:
            raise ConflictError(str(error)) from None
        _append(core, model, event)
    return version_view(core, core.version(model, event.version), core.roles(model))


def _append(core: Core, model: str, event: rollout.Deployment) -> None:
    core.control.append_deployment_event(
        model,
        event.version,
        event.action,
        share=event.share,
        reference_version=event.reference_version,
        actor=event.actor,
        at=event.at,
        note=event.comment,
    )
    detail = {"role": event.action, "share": event.share}
    core.control.append_audit(event.actor, "deploy", f"{model}/{event.version}", detail, "workspace", core.now())
