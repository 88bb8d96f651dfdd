"""Single columns over HTTP: which there are, what the model does with their values, and the rows behind a bar."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from service import column_views, views
from service.api.common import InWorkspace, Moment, Paged

router = APIRouter(tags=["what is there"])

Column = Annotated[str, Query(description="the column, such as distance")]
Place = Annotated[
    int | None, Query(ge=0, description="place of the bar, as `relation` numbers them; left out: rows without a value")
]


@router.get("/models/{model}/columns")
def columns(model: str, workspace: InWorkspace) -> list[column_views.ColumnName]:
    """List the columns that have a page, in the order of the declaration."""
    return workspace.columns(model)


@router.get("/models/{model}/relation")
def relation(
    model: str, workspace: InWorkspace, column: Column, window: Moment | None = None
) -> column_views.RelationView | None:
    """Return prediction and error by value of a column, reference against current; null for what is no input or prediction."""
    return workspace.relation(model, column, window)


@router.get("/models/{model}/column-rows")
def column_rows(
    model: str, workspace: InWorkspace, page: Paged, column: Column, since: Moment, until: Moment, place: Place = None
) -> views.RowPage:
    """Return the served rows of a stretch whose value lies in one bar, or that have no value."""
    return workspace.column_rows(model, column, since, until, place=place, limit=page.limit, offset=page.offset)
