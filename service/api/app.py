"""The API as one application, mounted at ``/api`` by the server."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount

from service.api import (
    access,
    actions,
    alerting,
    appends,
    care,
    columns,
    comparing,
    demo,
    door,
    errors,
    feeds,
    labels,
    loads,
    operations,
    outcomes,
    reads,
    references,
    reporting,
    segments,
    setting_up,
    sources,
    training,
)
from service.api.admission import Admission, Bounds
from service.api.gather import Gatherer
from service.api.metrics_page import MetricsPage
from service.api.page import render
from service.api.traffic import Traffic
from service.settings import Settings
from service.uploads import Together
from service.workspace import Workspace

_DESCRIPTION = (
    "Log predictions and labels, read what monitors found, and act on it. Times are ISO 8601; without an offset they are in "
    "the model's time zone. Lists take `limit` and `offset` and carry `X-Total-Count`. Errors are "
    '`{"error": "…"}` in words.'
)


def build_api(workspace: Workspace, settings: Settings) -> FastAPI:
    """Return the API of a workspace; ``/openapi.json`` and ``/docs`` need nothing from the network."""
    limit = settings.max_body_mb * 2**20
    api = FastAPI(
        title="Driftdeck",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        root_path_in_servers=True,
        max_body_size=limit,
    )
    api.state.workspace, api.state.max_body, api.state.public_url = workspace, limit, settings.public_url
    api.state.bounds = Bounds(limit, settings.max_rows, settings.max_columns)
    admission = api.state.admission = Admission(settings.max_pending_mb * 2**20)
    api.state.gatherer = Gatherer(workspace, admission.small) if isinstance(workspace, Together) else None
    errors.install(api)
    for module in (
        appends,
        loads,
        labels,
        columns,
        reads,
        outcomes,
        segments,
        actions,
        alerting,
        demo,
        door,
        sources,
        references,
        setting_up,
        comparing,
        reporting,
        access,
        training,
        care,
        feeds,
    ):
        api.include_router(module.router, prefix="/v1")

    @api.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(render(api.openapi()), headers={"content-security-policy": _DOCS_POLICY})

    return api


_DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"


def api_routes(
    workspace: Workspace,
    settings: Settings,
    vitals: operations.Vitals | None = None,
    *,
    api: FastAPI | None = None,
    traffic: Traffic | None = None,
) -> list[BaseRoute]:
    """Return what the server mounts beside the dashboard: the API (``api``, if it has been built), and what watchers of the process call.

    ``traffic``: what the middleware of that kind counts.
    """
    api = api or build_api(workspace, settings)
    limited = errors.SizeLimit(api, settings.max_body_mb * 2**20)
    page = MetricsPage(
        workspace, vitals or {}, settings.metrics_readings, traffic or Traffic(), lambda: api.state.admission.held
    )
    return [Mount("/api", limited), *operations.routes(workspace, vitals or {}, page)]
