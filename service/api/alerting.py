"""Silences, rules, channels, runs, the schedule and who owns what is declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from service import alert_views
from service.api.common import Actor, InWorkspace, Paged

router = APIRouter(tags=["alerting"])


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
