"""From alert to rollback: training jobs, versions, deployments."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow.compute as pc
import pyarrow.parquet as pq

from reference_data.section import parse_duration
from reference_data.training import CODE_FOLDER
from reference_data.windows import Window
from retraining import job_files, registry, rollout
from retraining.fitted import ModelCard
from retraining.job_files import Incumbent, JobRequest
from retraining.job_runner import JobStatus, log_tail
from retraining.period import default_period
from service.local import references
from service.local.convert import aware, iso
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from storage.errors import MissingRecordError, StorageError
from storage.faults import fault_point
from storage.logs import export_parquet, label_span
from storage.names import SUBJECT

if TYPE_CHECKING:
    from pathlib import Path

    from reference_data.declaration import ModelSpec
    from reference_data.reference import Reference
    from service import views
    from service.local.core import Core

log = logging.getLogger(__name__)
ACTIVE = ("queued", "running")


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
        _refuse_unknown_alert(core, model, alert_id)
    period, reason = choose_period(core, spec, since, until)
    alert = alert_id or _alert_behind(core, model)
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


def choose_period(core: Core, spec: ModelSpec, since: datetime | None, until: datetime | None) -> tuple[Window, str]:
    """Return the event times to train on, and why these; raises :class:`WorkspaceError` when nothing is labelled."""
    with core.db.cursor() as cursor:
        span = label_span(cursor, spec)
    if spec.task == "none":
        raise WorkspaceError(f"model {spec.name!r} has task 'none': without labels there is nothing to learn from")
    if span is None:
        raise WorkspaceError(f"no logged row of {spec.name!r} has a label yet, so there is nothing to train on")
    last = min(span[1], aware(until, spec.zone)) if until else span[1]
    holdout = parse_duration(spec.retrain.holdout)
    found = default_period(_trouble_since(core, spec.name), span[0], last, holdout, spec.timezone)
    start = aware(since, spec.zone) if since else found.window.start
    end = min(found.window.end, aware(until, spec.zone)) if until else found.window.end
    if start >= end or start > span[1] or end <= span[0]:
        raise WorkspaceError(
            f"no labelled row lies between {iso(start, spec.zone)} and {iso(end, spec.zone)}; "
            f"they run from {iso(span[0], spec.zone)} to {iso(span[1], spec.zone)}"
        )
    return Window(start, end), found.reason if start == found.window.start else "the period that was asked for"


def _trouble_since(core: Core, model: str) -> datetime | None:
    """Return the start of the first window of the open alert on the model's performance."""
    kinds = ("performance", "concept_drift")
    starts = [a["window_start"] for a in core.control.open_alerts(model) if a["kind"] in kinds and a["harmful"]]
    return min((datetime.fromisoformat(start) for start in starts), default=None)


def _refuse_unknown_alert(core: Core, model: str, alert_id: str) -> None:
    known = [alert["id"] for alert in core.control.alerts(model)]
    if alert_id not in known:
        raise NotFoundError(f"model {model!r} has no alert {alert_id!r}; it has: {', '.join(known) or 'none'}")


def _alert_behind(core: Core, model: str) -> str | None:
    kinds = ("performance", "concept_drift")
    ids = [a["id"] for a in core.control.open_alerts(model) if a["kind"] in kinds and a["harmful"]]
    return ids[0] if ids else None


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
            version=_next_version(core, spec.name),
            spec=spec,
            period=period,
            holdout=spec.retrain.holdout if champion else None,
            champion=_incumbent(core, spec.name, champion) if champion else None,
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


def _next_version(core: Core, model: str) -> str:
    numbers = [int(match[1]) for name in core.versions(model) if (match := re.fullmatch(r"v(\d+)", name))]
    return f"v{max(numbers, default=0) + 1}"


def _incumbent(core: Core, model: str, champion: str) -> Incumbent:
    record = core.versions(model)[champion]
    until = record["holdout"][0] if record["holdout"] else record["period"][1]
    return Incumbent(champion, card_of(core, record), datetime.fromisoformat(until))


def card_of(core: Core, record: Mapping[str, Any]) -> ModelCard:
    """Return what is needed to predict with a registered version; its artefact lies in this home, wherever that is now."""
    path = core.home.artefacts / record["artefact"]
    return ModelCard.from_dict(record["card"] | {"path": str(path)})


# -- following jobs ----------------------------------------------------------------------------------------------------
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


def _settle_job(core: Core, job: dict[str, Any]) -> None:
    status = core.runner.status(core.home.jobs / job["id"])
    if status.state == "succeeded":
        try:
            _register(core, job, status)
        except StorageError:  # a full disk passes: the result stays where it is, to be registered then
            raise
        except Exception as error:  # a result that cannot be taken in must not bar the way to every other
            log.exception("the result of job %s could not be registered", job["id"])
            failed = {"state": "failed", "error": f"its result could not be registered: {error}"}
            core.control.append_job_event(job | _ended(core, status) | failed)
    elif status.over:
        core.control.append_job_event(job | _ended(core, status))
    elif status.state == "running" and job["state"] == "queued":
        core.control.append_job_event(job | {"state": "running", "started_at": core.now().isoformat()})


def lose_orphans(core: Core) -> None:
    """On opening a home: a job that an earlier process queued and never launched will not start any more."""
    for job in core.control.jobs():
        if job["state"] in ACTIVE and core.runner.status(core.home.jobs / job["id"]).state == "queued":
            words = "the service stopped before the job was started; start a new one"
            core.control.append_job_event(job | {"state": "lost", "error": words, "ended_at": core.now().isoformat()})


def _ended(core: Core, status: JobStatus) -> dict[str, Any]:
    return {
        "state": status.state,
        "error": status.error,
        "exit_code": status.exit_code,
        "ended_at": core.now().isoformat(),
    }


def _register(core: Core, job: dict[str, Any], status: JobStatus) -> None:
    """Keep a finished job's artefact, freeze its reference, register its version: each step can be repeated, the last one counts."""
    folder = core.home.jobs / job["id"]
    model, result = job["model"], job_files.read_result(folder)
    artefact = f"{model}-{result['version']}-{result['card']['sha256'][:12]}.skops"
    registry.adopt(folder / job_files.ARTEFACT, core.home.artefacts / artefact, result["card"]["sha256"])
    fault_point("register.after_artefact")
    reference = _reference_of_job(core, model, job["id"], folder)
    fault_point("register.after_reference")
    if result["version"] not in core.versions(model):
        core.control.put_version(
            {
                "version": result["version"],
                "model": model,
                "created_at": core.now().isoformat(),
                "created_by": job["requested_by"],
                "period": result["period"],
                "rows": result["rows"]["train"],
                "trainer": result["trainer"],
                "card": result["card"],
                "artefact": artefact,
                "reference_version": reference.version,
                "alert_id": job["alert_id"],
                "job_id": job["id"],
                "gate": result["gate"],
                "holdout": result["holdout"],
                "metrics": result["metrics"],
                "importance": result["importance"],
                "lineage": {
                    key: result[key]
                    for key in (
                        "params",
                        "seed",
                        "data_sha256",
                        "libraries",
                        "notes",
                        "reason",
                        "seconds",
                        "baselines",
                        "training",
                    )
                },
            }
        )
    fault_point("register.after_version")
    core.control.append_job_event(job | _ended(core, status) | {"version": result["version"]})
    detail = {"job": job["id"], "sha256": result["card"]["sha256"], "gate": result["gate"]["verdict"]}
    core.control.append_audit("driftdeck", "register", f"{model}/{result['version']}", detail, "workspace", core.now())


def _reference_of_job(core: Core, model: str, job_id: str, folder: Path) -> Reference:
    source = f"training job {job_id}"
    for number in reversed(core.control.reference_versions(model)):
        if (found := core.control.reference(model, number)).source == source:
            return found
    table = pq.read_table(folder / job_files.REFERENCE)
    times = table["_event_time"]
    if times.type.tz is None:  # a job's own times are UTC; a stranger's naive ones would be local
        at = table.column_names.index("_event_time")
        table = table.set_column(at, "_event_time", pc.assume_timezone(times, "UTC"))
    spec = core.spec(model)
    names = {
        "_id": spec.id or "prediction_id",
        "_event_time": spec.time or "event_time",
        "_model_version": "model_version",
    }
    names |= {"prediction": spec.prediction or "prediction", "label": spec.label or "label", "scores": "score"}
    if spec.subject is not None and spec.subject not in table.column_names:
        names[SUBJECT] = spec.subject  # so that a subject's rows are found in the sample that is kept, too
    table = table.rename_columns([names.get(name, name) for name in table.column_names])
    return references.freeze_logged(core, model, table, source=source)


def jobs(core: Core, model: str | None) -> list[views.JobView]:
    """Return jobs, the latest first."""
    settle(core, model, wait=False)
    return [job_view(core, job) for job in reversed(core.control.jobs(model))]


def job(core: Core, job_id: str) -> views.JobView:
    """Return one job as it stands now."""
    try:
        found = core.control.job(job_id)
        settle(core, found["model"], wait=False)
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
        else "waiting to start"
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
