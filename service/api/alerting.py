"""Silences, rules, channels, runs, the schedule and who owns what is declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from service import alert_views, views
from service.api import channels
from service.api.common import Actor, InWorkspace, Moment, Paged

router = APIRouter(tags=["alerting"])
router.include_router(channels.router)


# -- alerts ------------------------------------------------------------------------------------------------------------
Active = Annotated[bool, Query(description="without those that are over")]


class CommentBody(BaseModel):
    """What was found."""

    model_config = ConfigDict(extra="forbid")

    text: str


class OwnerBody(BaseModel):
    """Who is on it; null: nobody."""

    model_config = ConfigDict(extra="forbid")

    owner: str | None


class SilenceBody(BaseModel):
    """What nobody is to be told of, until when and why. What is left out matches everything."""

    model_config = ConfigDict(extra="forbid")

    ends: Moment
    comment: str
    starts: Moment | None = None
    alert_id: str | None = None
    model: str = "*"
    kind: str | None = None
    column: str | None = None
    segment: str | None = None
    severity: str | None = None


@router.post("/alerts/{alert_id}/comments")
def comment(alert_id: str, body: CommentBody, workspace: InWorkspace, actor: Actor) -> views.AlertView:
    """Add a comment to an alert's history."""
    return workspace.comment(alert_id, body.text, actor=actor)


@router.post("/alerts/{alert_id}/owner")
def assign(alert_id: str, body: OwnerBody, workspace: InWorkspace, actor: Actor) -> views.AlertView:
    """Say who is on an alert."""
    return workspace.assign(alert_id, body.owner, actor=actor)


@router.post("/silences")
def silence(body: SilenceBody, workspace: InWorkspace, actor: Actor) -> alert_views.SilenceView:
    """Tell nobody of what matches until its end; it goes on being judged."""
    return workspace.silence(**dict(body), actor=actor)


@router.get("/silences")
def silences(workspace: InWorkspace, page: Paged, active: Active = False) -> Sequence[alert_views.SilenceView]:  # noqa: FBT002
    """List silences, those of declared maintenance among them, the latest first."""
    return page.of(workspace.silences(active=active))


@router.delete("/silences/{silence_id}")
def unsilence(silence_id: str, workspace: InWorkspace, actor: Actor) -> alert_views.SilenceView:
    """End a silence before its time; what still fires is told."""
    return workspace.unsilence(silence_id, actor=actor)


# -- the schedule ------------------------------------------------------------------------------------------------------
@router.post("/models/{model}/runs", status_code=202)
def start_run(model: str, workspace: InWorkspace, actor: Actor) -> alert_views.ModelRunView:
    """Begin to judge what is due of a model, and answer at once; while a run is under way, that one is returned."""
    return workspace.start_run(model, actor=actor)


@router.delete("/models/{model}/runs/current")
def cancel_run(model: str, workspace: InWorkspace, actor: Actor) -> alert_views.ModelRunView:
    """End the run of a model after the windows it is at; the next one goes on from there. 409 while none is under way."""
    return workspace.cancel_run(model, actor=actor)


@router.get("/runs")
def runs(workspace: InWorkspace, page: Paged, model: str | None = None) -> Sequence[alert_views.ModelRunView]:
    """List runs of monitors, the latest first."""
    return page.of(workspace.runs(model, limit=page.offset + page.limit))


@router.get("/schedule")
def schedule(workspace: InWorkspace, page: Paged) -> Sequence[alert_views.ScheduleEntry]:
    """List what happens by itself, what is next first."""
    return page.of(workspace.schedule())


# -- rules -------------------------------------------------------------------------------------------------------------
class TryBody(BaseModel):
    """A rule that is not declared, or the name of one that is. A time without an offset is in the model's time zone."""

    model_config = ConfigDict(extra="forbid")

    when: str
    clear: str | None = None
    windows: str = "1 of 1"
    segment: str | None = None
    since: Moment | None = None


@router.get("/models/{model}/rules/terms")
def rule_terms(model: str, workspace: InWorkspace, page: Paged) -> Sequence[alert_views.RuleTerm]:
    """List what a rule of this model may speak of, with the latest values."""
    return page.of(workspace.rule_terms(model))


@router.post("/models/{model}/rules/try")
def try_rule(model: str, body: TryBody, workspace: InWorkspace) -> alert_views.RuleTrial:
    """Hold a rule against all windows there are: when would it have fired?"""
    return workspace.try_rule(
        model, body.when, clear=body.clear, windows=body.windows, segment=body.segment, since=body.since
    )


# -- declarations ------------------------------------------------------------------------------------------------------
TakeOver = Annotated[bool, Query(description="what a file owns is the dashboard's from then on")]


class EditBody(BaseModel):
    """What to change, by dotted key; null takes a key out."""

    model_config = ConfigDict(extra="forbid")

    changes: dict[str, Any]
    take_over: bool = False


@router.get("/declared")
def declared(workspace: InWorkspace, page: Paged) -> Sequence[alert_views.DeclaredObject]:
    """List everything that is declared, each thing with its one owner: a file, or the dashboard."""
    return page.of(workspace.declared())


@router.patch("/declared/{kind}/{name}")
def edit(kind: str, name: str, body: EditBody, workspace: InWorkspace, actor: Actor) -> alert_views.DeclaredObject:
    """Change (or make) a model, channel, maintenance or source; the dashboard owns it from then on."""
    return workspace.edit(kind, name, body.changes, take_over=body.take_over, actor=actor)


@router.delete("/declared/{kind}/{name}", status_code=204)
def remove(kind: str, name: str, workspace: InWorkspace, actor: Actor, take_over: TakeOver = False) -> None:  # noqa: FBT002
    """Take back a channel, a maintenance or a source."""
    workspace.remove(kind, name, take_over=take_over, actor=actor)
