"""Over HTTP: reports to keep and to send: of a model or window, and the week in one page."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from service import exporting, html_page, report_data, report_page, reporting_views, summary_page
from service.api.common import InWorkspace, Moment, Since, Until

router = APIRouter(tags=["reporting"])

ReportFormat = Annotated[
    Literal["json", "html", "csv"],
    Query(description="html: one file that needs no network; csv: the metric, the drift and the alerts as one table"),
]
SummaryFormat = Annotated[Literal["json", "html", "markdown"], Query()]
OfWindow = Annotated[Moment | None, Query(description="any time inside the window")]


def _kinds(view: type, *others: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": view, "content": {kind: {"schema": {"type": "string"}} for kind in others}}}


def _file(content: str, media: str, name: str, *, inline: bool = False) -> Response:
    """Return a file to keep; a page is shown where it was asked for, in a sandbox in which it can do nothing."""
    kept = {"content-disposition": f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{exporting.quoted(name)}"}
    return Response(content, media_type=media, headers=kept | (html_page.HEADERS if inline else {}))


@router.get(
    "/models/{model}/report",
    response_model=reporting_views.ReportView,
    responses=_kinds(reporting_views.ReportView, "text/html", "text/csv"),
)
def report(
    model: str,
    workspace: InWorkspace,
    window: OfWindow = None,
    since: Since = None,
    until: Until = None,
    format: ReportFormat = "json",  # noqa: A002 - the name in the address
) -> Any:
    """Return the report of a window, or of a range of windows: performance, drift, alerts, quality, and how it was judged."""
    found = workspace.report(model, window=window, since=since, until=until)
    name = exporting.safe_name(model, found["start"][:10])
    if format == "html":
        return _file(report_page.render(found), "text/html; charset=utf-8", f"{name}.html", inline=True)
    if format == "csv":
        return _file(exporting.as_csv(report_data.lines(found)), exporting.MEDIA["csv"], f"{name}.csv")
    return JSONResponse(found)


@router.get("/models/{model}/reports/evidently")
def evidently_making(
    model: str, window: Annotated[Moment, Query(description="any time inside the window")], workspace: InWorkspace
) -> reporting_views.MakingView:
    """Say whether Evidently's report of a window stands; it is served at ``/reports/evidently/MODEL/WINDOW``."""
    return workspace.evidently_making(model, window)


@router.post("/models/{model}/reports/evidently", status_code=202)
def make_evidently(
    model: str, window: Annotated[Moment, Query(description="any time inside the window")], workspace: InWorkspace
) -> reporting_views.MakingView:
    """Begin Evidently's report of a window unless it stands; it takes 10 to 60 seconds."""
    return workspace.evidently_making(model, window, start=True)


@router.get(
    "/summary",
    response_model=reporting_views.SummaryView,
    responses=_kinds(reporting_views.SummaryView, "text/html", "text/markdown"),
)
def summary(
    workspace: InWorkspace,
    week: Annotated[date | None, Query(description="a day of it; the latest week that is over if left out")] = None,
    timezone: Annotated[str | None, Query(description="where it begins, such as Europe/Berlin")] = None,
    format: SummaryFormat = "json",  # noqa: A002 - the name in the address
) -> Any:
    """Return a week of all models: what happened, who needs somebody, the alert budget, labels outstanding, what comes next."""
    found = workspace.summary(week, timezone=timezone)
    if format == "html":
        return _file(
            summary_page.render(found), "text/html; charset=utf-8", f"week-{found['start'][:10]}.html", inline=True
        )
    if format == "markdown":
        return PlainTextResponse(summary_page.markdown(found), media_type="text/markdown; charset=utf-8")
    return JSONResponse(found)
