"""What can be done: declare, run, retrain, acknowledge, deploy, roll back. Every action is audited with its actor."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service import views
from service.api.bodies import read_text
from service.api.common import Actor, InWorkspace, Moment

router = APIRouter(tags=["what can be done"])

Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Period(_Body):
    """A stretch of event time; either end may be left open."""

    since: Moment | None = None
    until: Moment | None = None


class RetrainBody(Period):
    """Which labelled rows to train on, and which alert asked for it."""

    alert_id: str | None = None


class AckBody(_Body):
    """Why an alert is taken note of."""

    comment: str = Field("", max_length=4000)


class DeploymentBody(_Body):
    """Which version takes which role; ``share`` of the traffic goes with canary."""

    version: str
    role: Literal["champion", "shadow", "canary"] = "champion"
    share: float | None = Field(None, gt=0, le=1)

    @model_validator(mode="after")
    def _share_of_canary(self) -> DeploymentBody:
        if self.share is not None and self.role != "canary":
            raise ValueError("share goes with role canary only")
        return self


@router.post(
    "/apply",
    openapi_extra={"requestBody": {"required": True, "content": {"application/toml": {"schema": {"type": "string"}}}}},
)
def apply(
    text: Annotated[str, Depends(read_text)],
    workspace: InWorkspace,
    actor: Actor,
    take_over: Annotated[bool, Query(description="what the dashboard owns is the file's from then on")] = False,  # noqa: FBT002
    prune: Annotated[  # noqa: FBT002
        bool, Query(description="take back channels and maintenance that files declared and this one does not have")
    ] = False,
) -> dict[str, list[str]]:
    """Declare models, channels and maintenance from TOML (the text of a `driftdeck.toml`)."""
    return workspace.apply(text, take_over=take_over, prune=prune, actor=actor)


@router.post("/run")
def run_all(workspace: InWorkspace, actor: Actor, period: Period | None = None) -> list[views.RunView]:
    """Compute every window of every model that is due."""
    period = period or Period()
    return workspace.run(since=period.since, until=period.until, actor=actor)


@router.post("/models/{model}/run")
def run(model: str, workspace: InWorkspace, actor: Actor, period: Period | None = None) -> list[views.RunView]:
    """Compute every window of a model that is due: closed, or dirty."""
    period = period or Period()
    return workspace.run(model, since=period.since, until=period.until, actor=actor)


@router.post("/models/{model}/retrain", status_code=202)
def retrain(
    model: str, workspace: InWorkspace, actor: Actor, body: RetrainBody | None = None, key: Key = None
) -> views.JobView:
    """Start one training job; while one is under way, that one is returned."""
    body = body or RetrainBody()
    return workspace.retrain(
        model, since=body.since, until=body.until, alert_id=body.alert_id, actor=actor, request_key=key
    )


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: str, workspace: InWorkspace, actor: Actor) -> views.JobView:
    """Cancel a training job."""
    return workspace.cancel_job(job_id, actor=actor)


@router.post("/alerts/{alert_id}/ack")
def acknowledge(alert_id: str, workspace: InWorkspace, actor: Actor, body: AckBody | None = None) -> views.AlertView:
    """Acknowledge an alert; evaluation goes on beneath."""
    return workspace.acknowledge(alert_id, actor=actor, comment=(body or AckBody()).comment)


@router.post("/models/{model}/deployments")
def deploy(model: str, body: DeploymentBody, workspace: InWorkspace, actor: Actor) -> views.VersionView:
    """Give a version a role."""
    return workspace.deploy(model, body.version, role=body.role, share=body.share, actor=actor)


@router.post("/models/{model}/rollback")
def rollback(model: str, workspace: InWorkspace, actor: Actor) -> views.VersionView:
    """Make the previous champion the champion again."""
    return workspace.rollback(model, actor=actor)
