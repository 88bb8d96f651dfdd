"""What becomes of a new version by itself, as its model declares: nothing, a shadow, a canary, or the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retraining import job_files, rollout
from service.local import mlflow_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.local.core import Core

ACTOR = "promote:"


def promote(core: Core, job: Mapping[str, Any], version: str) -> None:
    """Give a version that was just registered the role its model declares for it, or note why not. Doing so again changes nothing.

    A replaced champion stays as a shadow (docs/decisions/0003).
    """
    model, events = job["model"], core.deployments(job["model"])
    retrain = core.spec(model).retrain
    if retrain.promote == "manual" or job.get("again") or any(event.version == version for event in events):
        return
    record, actor = core.version(model, version), ACTOR + retrain.promote
    against = job_files.read_request(core.home.jobs / job["id"]).champion
    role, words = verdict(
        retrain.promote, record["gate"], None if against is None else against.version, core.roles(model).champion
    )
    comment = f"{words}; job {job['id']}, asked for by {job['requested_by']}"
    if role is not None:
        share = retrain.canary_share if role == "canary" else None
        event = rollout.deploy(
            events,
            version,
            role,
            at=core.now(),
            actor=actor,
            known=core.versions(model),
            share=share,
            reference_version=record["reference_version"],
            comment=comment,
        )
        enact(core, model, event)
        return
    detail = {"role": None, "because": comment}
    core.control.append_audit(actor, "deploy", f"{model}/{version}", detail, "workspace", core.now())


def verdict(
    mode: str, gate: Mapping[str, Any], against: str | None, champion: str | None
) -> tuple[rollout.Action | None, str]:
    """Return the role that a version gets by its gate, None for none, and why.

    ``against`` is the champion that it was judged against, ``champion`` the one there is now. A shadow answers nobody, so it only must not
    have failed; who answers must have passed.
    """
    if mode == "shadow":
        if gate["verdict"] == "failed":
            return None, "it stays a candidate: its gate failed"
        return "shadow", f"its gate {gate['verdict']}"
    if gate["verdict"] != "passed":
        return None, f"it stays a candidate: its gate {gate['verdict']}"
    if champion != against:
        return (
            None,
            f"it stays a candidate: it was judged against {against or 'no champion'}, and now there is {champion}",
        )
    if mode == "canary":
        if champion is None:
            return None, "it stays a candidate: a canary runs beside a champion, and there is none"
        return "canary", "its gate passed"
    if champion is None:
        return "champion", "its gate passed, and there was no champion"
    head = gate["rows"][0]
    if head["lower"] is None or head["upper"] is None:
        return None, "it stays a candidate: its gate has no interval of the change"
    if head["lower"] <= 0 <= head["upper"]:
        return None, "it stays a candidate: the interval of the change holds 0"
    return "champion", f"its gate passed, and the interval of the change in {head['name']} excludes 0"


def enact(core: Core, model: str, event: rollout.Deployment) -> None:
    """Record a change of roles, and who made it, why."""
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
    detail: dict[str, Any] = {"role": event.action, "share": event.share}
    if event.comment:
        detail["because"] = event.comment
    core.control.append_audit(event.actor, "deploy", f"{model}/{event.version}", detail, "workspace", core.now())
    mlflow_log.log_roles(core, model)
