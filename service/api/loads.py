"""What a program that reads a file for a model has to know first."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from service import data_views
from service.api.common import InWorkspace

router = APIRouter(tags=["data in"])


@router.get("/models/{model}/loading")
def loading(
    model: str, workspace: InWorkspace, into: Annotated[Literal["logs", "labels"], Query()] = "logs"
) -> data_views.LoadingView:
    """Return the declared type of each column, and the blocks of files that were loaded in the last 35 days, by their keys."""
    return workspace.loading(model, into)
