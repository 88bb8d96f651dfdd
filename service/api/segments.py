"""Drift inside segments."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from service import views
from service.api.common import InWorkspace, Moment

router = APIRouter(tags=["what is there"])

Segment = Annotated[str | None, Query(description="inside this one only, such as carrier=AA")]
Column = Annotated[str | None, Query(description="this column only")]
Limit = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/models/{model}/segment-names")
def segment_names(model: str, workspace: InWorkspace) -> list[str]:
    """List the segments that can be judged: `carrier=AA`, `carrier=AA × origin=JFK`."""
    return workspace.segment_names(model)


@router.get("/models/{model}/segment-drift")
def segment_drift(
    model: str,
    workspace: InWorkspace,
    window: Moment | None = None,
    segment: Segment = None,
    column: Column = None,
    limit: Limit = 100,
) -> list[views.SegmentDrift]:
    """List every column inside every segment of a window (default: the latest judged), the worst first."""
    return workspace.segment_drift(model, window, segment=segment, column=column, limit=limit)
