"""Labels as they come in: coverage and lag, one prediction's ledger, feedback, restated readings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from service import data_views, views
from service.api.common import InWorkspace, Moment

router = APIRouter(tags=["labels"])

Windows = Annotated[int, Query(ge=1, le=10_000, description="so many of the latest")]
Kind = Annotated[str | None, Query(description="of this kind only")]


@router.get("/models/{model}/labels")
def labels(model: str, workspace: InWorkspace, windows: Windows = 60) -> data_views.LabelSummary:
    """Return coverage, maturity and lag of labels by window, and how many were corrected or have no prediction, as of the last run."""
    return workspace.labels(model, windows=windows)


@router.get("/models/{model}/labels/{prediction_id:path}")
def label_history(model: str, prediction_id: str, workspace: InWorkspace) -> list[data_views.LabelEntry]:
    """List every label of a prediction, oldest first, then its feedback."""
    return workspace.label_history(model, prediction_id)


@router.get("/models/{model}/feedback")
def feedback(model: str, workspace: InWorkspace, kind: Kind = None) -> list[data_views.FeedbackPoint]:
    """List feedback by kind and window."""
    return workspace.feedback(model, kind)


@router.get("/models/{model}/readings/history")
def reading_history(
    model: str, workspace: InWorkspace, check: str, window: Moment, column: str | None = None
) -> list[views.ReadingView]:
    """List every value that was computed of one reading, oldest first: what late and corrected labels have restated."""
    return workspace.reading_history(model, check, window, column=column)
