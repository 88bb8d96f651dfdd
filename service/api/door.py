"""What was refused, and which columns came otherwise than declared."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response

from service import data_views
from service.api.common import InWorkspace, Paged

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


@router.get("/models/{model}/schema")
def schema_events(model: str, workspace: InWorkspace, page: Paged) -> Sequence[data_views.SchemaEvent]:
    """List columns that came otherwise than declared, latest first, with what to do about each."""
    return page.of(workspace.schema_events(model))
