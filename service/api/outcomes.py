"""How good a model is, and why."""

from __future__ import annotations

from fastapi import APIRouter

from service import outcome_views
from service.api.common import InWorkspace, Moment

router = APIRouter(tags=["outcomes"])


@router.get("/models/{model}/performance/detail")
def performance_detail(
    model: str, workspace: InWorkspace, since: Moment, until: Moment, version: str | None = None
) -> outcome_views.DetailView:
    """Return every metric of a period with its interval, and the confusion, calibration or errors by range behind them."""
    return workspace.performance_detail(model, since, until, version=version)
