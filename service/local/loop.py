"""From alert to rollback: starting a retrain, versions, deployments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from retraining import rollout
from service.local import pruning
from service.local.choosing import alert_behind, choose, refuse_unknown_alert
from service.local.convert import iso
from service.local.job_queue import advance
from service.local.jobs import asked_for, settle
from service.local.promoting import enact
from service.workspace import ConflictError, WorkspaceError

if TYPE_CHECKING:
    from service import views
    from service.local.core import Core


def retrain(
    core: Core,
    model: str,
    *,
    since: datetime | None,
    until: datetime | None,
    alert_id: str | None,
    actor: str,
    request_key: str | None,
    because: str = "",
) -> views.JobView:
    """Start one training job, or return the one that is under way. ``because`` says what asked for it, where nobody did."""
    spec = core.spec(model)
    if not spec.features:
        raise WorkspaceError(
            f"model {model!r} declares no features to train on; declare them or freeze a reference first"
        )
    settle(core, model)
    if alert_id is not None:
        refuse_unknown_alert(core, model, alert_id)
    chosen = choose(core, spec, since, until)
    alert = alert_id or alert_behind(core, model)
    job: dict[str, Any] = {
        "id": uuid4().hex[:12],
        "model": model,
        "kind": "retrain",
        "state": "queued",
        "requested_by": actor,
        "reason": " ".join(filter(None, (because, chosen.reason))),
        "alert_id": alert,
        "created_at": core.now().isoformat(),
        "started_at": None,
        "ended_at": None,
        "exit_code": None,
        "error": None,
        "version": None,
        "period": [chosen.window.start.isoformat(), chosen.window.end.isoformat()],
        "plan": chosen.plan,
        "request_key": request_key,
        "attempt": 1,
    }
    kept = core.control.start_job_once(job)
    if kept["id"] == job["id"]:
        detail = {"job": job["id"], "period": job["period"], "alert": alert} | ({"because": because} if because else {})
        core.control.append_audit(actor, "retrain", model, detail, "workspace", core.now())
    advance(core)
    return asked_for(core, kept, "retrain")


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
        if role != "archived":
            pruning.refuse_unusable(core, record)
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
        enact(core, model, event)
    return version_view(core, record, core.roles(model))


def rollback(core: Core, model: str, actor: str) -> views.VersionView:
    """Bring back the champion before the present one."""
    core.record(model)
    with core.mutex:
        try:
            event = rollout.rollback(core.deployments(model), at=core.now(), actor=actor)
        except rollout.RolloutError as error:
            raise ConflictError(str(error)) from None
        pruning.refuse_unusable(core, core.version(model, event.version))
        enact(core, model, event)
    return version_view(core, core.version(model, event.version), core.roles(model))
