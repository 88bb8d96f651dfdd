"""What is there: models, windows, readings, alerts, jobs, versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from service import views
from service.api.common import InWorkspace, Moment, Paged, Since, Until
from service.workspace import Workspace

router = APIRouter(tags=["what is there"])

Model = Annotated[str | None, Query(description="of this model only")]
Segment = Annotated[
    str | None,
    Query(description="inside this one, such as carrier=AA, or * for what is wrong inside any; default: all rows"),
]
Grain = Annotated[str | None, Query(pattern=r"^[1-9][0-9]{0,3}[hdw]$", description="such as 1d; default: the window")]
Budget = Annotated[
    float | None, Query(gt=0, le=1000, description="false warnings a year, instead of the declared budget")
]
Limit = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/models")
def models(workspace: InWorkspace, page: Paged) -> Sequence[views.ModelView]:
    """List the models with their health, latest metric and rows."""
    return page.of(workspace.models())


@router.get("/models/{model}")
def model_by_name(model: str, workspace: InWorkspace) -> views.ModelView:
    """Return a model: rows, champion, reference version, health."""
    return workspace.model(model)


@router.get("/models/{model}/replay")
def replay(model: str, workspace: InWorkspace, warnings_per_year: Budget = None) -> views.ReplayView:
    """Play the reference through its own monitor: the false alerts to expect in a year, and how small a change is found."""
    return workspace.replay(model, warnings_per_year=warnings_per_year)


@router.get("/models/{model}/windows")
def windows(model: str, workspace: InWorkspace, page: Paged) -> Sequence[views.WindowView]:
    """List windows with their rows and label coverage."""
    return page.of(workspace.windows(model))


@router.get("/models/{model}/readings")
def model_readings(
    model: str,
    workspace: InWorkspace,
    page: Paged,
    response: Response,
    since: Since = None,
    until: Until = None,
    check: str | None = None,
    column: str | None = None,
    verdict: str | None = None,
    segment: Segment = None,
) -> list[views.ReadingView]:
    """List current readings, by window."""
    # one more than asked for says whether there is a next page, without reading all of them
    found = workspace.readings(
        model,
        since=since,
        until=until,
        check=check,
        column=column,
        verdict=verdict,
        segment=segment,
        limit=page.limit + 1,
        offset=page.offset,
    )
    response.headers["x-has-more"] = "true" if len(found) > page.limit else "false"
    return found[: page.limit]


@router.get("/readings")
def readings(
    model: str,
    workspace: InWorkspace,
    page: Paged,
    response: Response,
    since: Since = None,
    until: Until = None,
    check: str | None = None,
    column: str | None = None,
    verdict: str | None = None,
    segment: Segment = None,
) -> list[views.ReadingView]:
    """List current readings of `model`, by window."""
    return model_readings(model, workspace, page, response, since, until, check, column, verdict, segment)


@router.get("/models/{model}/multivariate")
def multivariate(model: str, workspace: InWorkspace, page: Paged) -> Sequence[views.RowsReading]:
    """List the readings of rows as a whole, of texts and of embeddings, by window, with the columns that drive each."""
    return page.of(workspace.multivariate(model))


@router.get("/models/{model}/performance")
def performance(
    model: str, workspace: InWorkspace, page: Paged, metric: str | None = None, grain: Grain = None
) -> Sequence[views.PerformancePoint]:
    """List a performance metric by window (or by `grain=1d`) and version; default: the headline metric."""
    return page.of(workspace.performance(model, metric=metric, grain=grain))


@router.get("/models/{model}/heatmap")
def heatmap(model: str, workspace: InWorkspace, page: Paged) -> Sequence[views.HeatCell]:
    """List the verdict of every column in every window."""
    return page.of(workspace.heatmap(model))


@router.get("/models/{model}/markers")
def markers(model: str, workspace: InWorkspace, page: Paged) -> Sequence[views.Marker]:
    """List alerts, deployments and rollbacks as marks in time."""
    return page.of(workspace.markers(model))


@router.get("/models/{model}/metrics")
def metrics(model: str, workspace: InWorkspace) -> list[str]:
    """List the names of the model's performance metrics."""
    return workspace.metric_names(model)


@router.get("/models/{model}/drift")
def drift(model: str, workspace: InWorkspace, window: Moment | None = None) -> list[views.DriftRow]:
    """List every column of a window against the reference; default: the latest judged window."""
    return workspace.drift_table(model, window)


@router.get("/models/{model}/columns/{column:path}")
def column_by_name(model: str, column: str, workspace: InWorkspace, window: Moment | None = None) -> views.FeatureView:
    """Return one column in one window: values against the reference, history, error by value."""
    return workspace.feature(model, column, window)


@router.get("/models/{model}/segments")
def segments(
    model: str, workspace: InWorkspace, since: Moment, until: Moment, limit: Limit = 12
) -> list[views.SegmentError]:
    """List the performance inside each value of the declared segments, worst first."""
    return workspace.segment_errors(model, since, until, limit=limit)


@router.get("/models/{model}/rows")
def rows(model: str, workspace: InWorkspace, page: Paged, since: Moment, until: Moment) -> views.RowPage:
    """Return logged rows of a stretch of event time."""
    return workspace.rows(model, since, until, limit=page.limit, offset=page.offset)


@router.get("/timeline")
def timeline(workspace: InWorkspace, page: Paged, model: Model = None) -> Sequence[views.TimelineItem]:
    """List what happened, latest first: alerts, deployments, training and failing sources of all models, or of one."""
    return page.of(workspace.timeline(page.offset + page.limit, model=model))


def _alerts(workspace: Workspace, page: Paged, model: str | None, state: str | None) -> Sequence[views.AlertView]:
    return page.of(workspace.alerts(model, state=state))


@router.get("/alerts")
def alerts(
    workspace: InWorkspace, page: Paged, model: Model = None, state: str | None = None
) -> Sequence[views.AlertView]:
    """List alerts with their gates, probable causes and history; firing first."""
    return _alerts(workspace, page, model, state)


@router.get("/models/{model}/alerts")
def model_alerts(
    model: str, workspace: InWorkspace, page: Paged, state: str | None = None
) -> Sequence[views.AlertView]:
    """List a model's alerts; firing first."""
    return _alerts(workspace, page, model, state)


@router.get("/alerts/{alert_id}")
def alert(alert_id: str, workspace: InWorkspace) -> views.AlertView:
    """Return an alert."""
    return workspace.alert(alert_id)


@router.get("/jobs")
def jobs(workspace: InWorkspace, page: Paged, model: Model = None) -> Sequence[views.JobView]:
    """List training jobs, latest first."""
    return page.of(workspace.jobs(model))


@router.get("/jobs/{job_id}")
def job(job_id: str, workspace: InWorkspace) -> views.JobView:
    """Return a training job with its progress and log."""
    return workspace.job(job_id)


@router.get("/models/{model}/versions")
def versions(model: str, workspace: InWorkspace, page: Paged) -> Sequence[views.VersionView]:
    """List model versions with their roles and the gate they went through."""
    return page.of(workspace.versions(model))


class _Toml(PlainTextResponse):
    media_type = "application/toml"


@router.get("/declaration", response_class=_Toml)
def declaration(workspace: InWorkspace) -> _Toml:
    """Return all declarations as TOML."""
    return _Toml(workspace.export())


@router.get("/audit")
def audit(workspace: InWorkspace, limit: Limit = 200) -> list[dict[str, Any]]:
    """List who did what, latest first."""
    return workspace.audit(limit)


@router.get("/health")
def health(workspace: InWorkspace) -> dict[str, Any]:
    """Return how the process and its stores are."""
    return workspace.health()
