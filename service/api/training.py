"""Studies before a retrain, lineage after it, and models taken in and given out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from service import html_page, training_views, views
from service.api.common import Actor, InWorkspace, Moment, Paged

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


@router.post("/jobs/{job_id}/again", status_code=202)
def retrain_again(job_id: str, workspace: InWorkspace, actor: Actor) -> views.JobView:
    """Train once more on a job's own rows, by its own request."""
    return workspace.retrain_again(job_id, actor=actor)


# -- gate --------------------------------------------------------------------------------------------------------------
#: The page holds names from strangers' data and needs nothing but its own styles.
_REPORT = html_page.HEADERS


@router.get(
    "/models/{model}/versions/{version}/report",
    response_class=FileResponse,
    responses={200: {"content": {"text/html": {}}, "description": "the page"}},
)
def gate_report(model: str, version: str, workspace: InWorkspace) -> FileResponse:
    """Send the gate of a version as one HTML page that needs no network."""
    return FileResponse(workspace.gate_report(model, version), media_type="text/html; charset=utf-8", headers=_REPORT)


# -- registry ----------------------------------------------------------------------------------------------------------
ExportFormat = Literal["artefact", "onnx", "parameters"]


class PruneBody(BaseModel):
    """How many archived versions keep their artefacts."""

    model_config = ConfigDict(extra="forbid")

    keep: int = Field(ge=0, le=10_000)


@router.get("/models/{model}/versions/{version}/lineage")
def lineage(model: str, version: str, workspace: InWorkspace) -> training_views.LineageView:
    """Return where a version comes from: rows, code, parameters, libraries, who and why, and the roles it has had."""
    return workspace.lineage(model, version)


@router.get("/models/{model}/deployments")
def deployments(model: str, workspace: InWorkspace, page: Paged) -> Sequence[training_views.DeploymentView]:
    """List which version was given which role, when and by whom, latest first."""
    return page.of(workspace.deployments(model))


@router.get(
    "/models/{model}/versions/{version}/export",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "the model"}},
)
def export(model: str, version: str, workspace: InWorkspace, format: ExportFormat = "artefact") -> FileResponse:  # noqa: A002
    """Send a version as a file: its artefact, ONNX, or the parameters of a linear model as JSON."""
    path = workspace.export_version(model, version, format)
    kind = "application/json" if format == "parameters" else "application/octet-stream"
    return FileResponse(path, media_type=kind, filename=path.name)


@router.post("/models/{model}/versions/{version}/export")
def write_export(model: str, version: str, workspace: InWorkspace, format: ExportFormat = "artefact") -> dict[str, str]:  # noqa: A002
    """Write a version as a file into the home's folder `exports`, for commands on the same machine."""
    return {"path": str(workspace.export_version(model, version, format))}


@router.post("/models/{model}/versions/prune")
def prune(model: str, body: PruneBody, workspace: InWorkspace, actor: Actor) -> list[dict[str, Any]]:
    """Delete the artefacts of archived versions but the latest few; what serves, shadows or is rolled back to stays, as do all records."""
    return workspace.prune_versions(model, keep=body.keep, actor=actor)
