"""Studies before a retrain, lineage after it, and models taken in and given out."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from service import training_views, views
from service.api.common import Actor, InWorkspace, Moment

router = APIRouter(tags=["training"])


# -- studies -----------------------------------------------------------------------------------------------------------
class StudyBody(BaseModel):
    """What is to be found out, of which event times."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["learning_curve", "backtest"]
    since: Moment | None = None
    until: Moment | None = None


@router.post("/models/{model}/studies", status_code=202)
def study(model: str, body: StudyBody, workspace: InWorkspace, actor: Actor) -> views.JobView:
    """Start a study as a job: how much data is enough, or which period to learn from; while a job is under way, that one is returned."""
    return workspace.study(model, body.kind, since=body.since, until=body.until, actor=actor)


@router.get("/models/{model}/learning-curve")
def learning_curve(model: str, workspace: InWorkspace) -> training_views.CurveView | None:
    """Return the latest learning curve, null when there is none."""
    return workspace.learning_curve(model)


@router.get("/models/{model}/backtest")
def backtest(model: str, workspace: InWorkspace) -> training_views.BacktestView | None:
    """Return the latest backtest of periods, null when there is none."""
    return workspace.backtest(model)


# -- triggers ----------------------------------------------------------------------------------------------------------
@router.get("/models/{model}/triggers")
def triggers(model: str, workspace: InWorkspace) -> list[training_views.TriggerView]:
    """Return what would start a retrain by itself, and what holds it back."""
    return workspace.triggers(model)
