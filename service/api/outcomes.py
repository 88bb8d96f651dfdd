"""How good a model is, and why."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from service import outcome_views
from service.api.common import InWorkspace, Moment, Since, Until

router = APIRouter(tags=["outcomes"])

Detectors = Annotated[list[str] | None, Query(alias="name", description="only these, such as adwin")]


@router.get("/models/{model}/performance/detail")
def performance_detail(
    model: str, workspace: InWorkspace, since: Moment, until: Moment, version: str | None = None
) -> outcome_views.DetailView:
    """Return every metric of a period with its interval, and the confusion, calibration or errors by range behind them."""
    return workspace.performance_detail(model, since, until, version=version)


@router.get("/models/{model}/concept")
def concept(model: str, workspace: InWorkspace) -> outcome_views.ConceptView | None:
    """Return what the sequential test on the champion's loss says: step by step, whether, since when and how; null without labels to test."""
    return workspace.concept(model)


@router.get("/models/{model}/detectors")
def detectors(model: str, workspace: InWorkspace, names: Detectors = None) -> list[dict[str, Any]]:
    """Run river's detectors over the champion's losses in the order in which labels came; needs the extra `streams`."""
    return workspace.detectors(model, names)


@router.get("/models/{model}/estimates")
def estimates(model: str, workspace: InWorkspace, metric: str | None = None) -> list[outcome_views.EstimatePoint]:
    """List performance as it was estimated before labels came, by window, with what came of it (default: the headline metric)."""
    return workspace.estimates(model, metric)


@router.get("/models/{model}/business")
def business(model: str, workspace: InWorkspace) -> list[outcome_views.BusinessPoint]:
    """Return the declared ratios of the business by window, with intervals and what is usual."""
    return workspace.business(model)


@router.get("/models/{model}/business/lift")
def business_lift(model: str, workspace: InWorkspace, version: str, other: str) -> list[outcome_views.BusinessLift]:
    """Return the ratios of one version against another's over the time in which both answered."""
    return workspace.business_lift(model, version, other)


@router.get("/models/{model}/service")
def service_points(model: str, workspace: InWorkspace) -> list[outcome_views.ServicePoint]:
    """Return latency, throughput, errors, processor and memory by window."""
    return workspace.service_points(model)


@router.get("/models/{model}/versions-compared")
def compare_versions(
    model: str, workspace: InWorkspace, version: str, other: str, since: Since = None, until: Until = None
) -> outcome_views.VersionComparison:
    """Compare two versions on the labelled rows that both answered, or beside each other."""
    return workspace.compare_versions(model, version, other, since, until)


class ServiceReports(BaseModel):
    """What serving processes say of themselves. Of each row ``seconds`` is needed; ``until`` is now where it is left out."""

    rows: list[dict[str, Any]] = Field(max_length=10_000)


@router.post("/models/{model}/service")
def report_service(model: str, workspace: InWorkspace, body: ServiceReports) -> dict[str, int]:
    """Take in what serving processes say of themselves: requests, errors, cpu_seconds, memory_bytes over the last ``seconds``."""
    return {"accepted": workspace.report_service(model, body.rows)}


@router.get("/models/{model}/why")
def change_parts(model: str, workspace: InWorkspace, since: Moment, until: Moment) -> outcome_views.ChangeParts | None:
    """Take the change of the loss since the reference apart: other inputs, and another rule; null below 100 labelled rows on either side."""
    return workspace.change_parts(model, since, until)


@router.get("/models/{model}/why/slices")
def slices(
    model: str, workspace: InWorkspace, since: Moment, until: Moment, limit: Annotated[int, Query(ge=1, le=100)] = 10
) -> list[outcome_views.SliceView]:
    """List the parts of the rows that lost most, each confirmed on rows held out."""
    return workspace.slices(model, since, until, limit=limit)


@router.get("/models/{model}/why/examples")
def examples(
    model: str, workspace: InWorkspace, since: Moment, until: Moment, limit: Annotated[int, Query(ge=1, le=1000)] = 20
) -> list[outcome_views.RowExample]:
    """List rows that stand for the change."""
    return workspace.examples(model, since, until, limit=limit)


@router.get("/models/{model}/fairness")
def fairness(
    model: str, workspace: InWorkspace, since: Since = None, until: Until = None
) -> list[outcome_views.FairnessView]:
    """Return metrics by group of each column declared under `fairness`, with the widest gaps."""
    return workspace.fairness(model, since, until)
