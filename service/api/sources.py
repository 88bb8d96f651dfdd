"""Sources: how they are doing, what became of their runs, and a run by hand."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from service import data_views
from service.api.common import Actor, InWorkspace, Paged

router = APIRouter(tags=["sources"])


@router.get("/sources")
def sources(workspace: InWorkspace, page: Paged) -> Sequence[data_views.SourceView]:
    """List the declared sources: state, lag, position, latest and next run."""
    return page.of(workspace.sources())


@router.get("/sources/{source}/runs")
def source_runs(source: str, workspace: InWorkspace, page: Paged) -> Sequence[data_views.SourceRunView]:
    """List the runs of a source, latest first."""
    return page.of(workspace.source_runs(source, limit=page.offset + page.limit))


@router.post("/sources/{source}/run")
def run_source(source: str, workspace: InWorkspace, actor: Actor) -> data_views.SourceRunView:
    """Read what is new of a source, now; answers when it is done, 409 while it is running already. A failed run says why in `error`."""
    return workspace.run_source(source, actor=actor)
