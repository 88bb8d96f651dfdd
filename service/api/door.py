"""What was refused, and which columns came otherwise than declared."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from service import data_views, views
from service.api.common import Actor, InWorkspace, Paged

router = APIRouter(tags=["data on its way in"])


@router.get("/models/{model}/quarantine")
def quarantine(model: str, workspace: InWorkspace, page: Paged, response: Response) -> list[data_views.QuarantineView]:
    """List the rows that could not be taken, latest first, each with its first problem."""
    response.headers["x-total-count"] = str(workspace.model(model)["rows"]["quarantined"])
    return workspace.quarantine(model, limit=page.limit, offset=page.offset)


@router.get("/models/{model}/quarantine/groups")
def quarantine_groups(model: str, workspace: InWorkspace, page: Paged) -> Sequence[data_views.QuarantineGroup]:
    """List what rows were refused for, the largest group first."""
    return page.of(workspace.quarantine_groups(model))


class Repairs(BaseModel):
    """Refused rows as they should have come."""

    model_config = ConfigDict(extra="forbid")

    repairs: list[data_views.RepairedRow] = Field(min_length=1, max_length=10_000)


@router.post("/models/{model}/quarantine/repair")
def repair(model: str, body: Repairs, workspace: InWorkspace, actor: Actor) -> views.AppendView:
    """Take refused rows after all, each named by its `ref`, with the row as it should have come.

    All are taken or none: while a row is still wrong, `rejected` says which and why, and nothing is written.
    """
    return workspace.repair(model, body.repairs, actor=actor)


@router.get("/models/{model}/schema")
def schema_events(model: str, workspace: InWorkspace, page: Paged) -> Sequence[data_views.SchemaEvent]:
    """List columns that came otherwise than declared, latest first, with what to do about each."""
    return page.of(workspace.schema_events(model))
