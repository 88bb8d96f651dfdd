"""What watchers of the process ask, at the root: ``/healthz``, ``/readyz``, ``/metrics``, and Evidently's reports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service import roles
from service.api.common import identity_of, limited
from service.api.errors import status_of
from service.api.metrics_page import MetricsPage
from service.workspace import Workspace, WorkspaceError

_log = logging.getLogger(__name__)
# Evidently writes category names into scripts unescaped: the report runs in a sandbox that can reach nothing.
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)


#: Parts of the process that must be alive, by name: the scheduler.
Vitals = Mapping[str, Callable[[], bool]]


def routes(workspace: Workspace, vitals: Vitals, page: MetricsPage) -> list[BaseRoute]:
    """Return the routes; they are plain functions, so Starlette runs them beside the event loop."""
    return [
        Route("/healthz", partial(_health, workspace, vitals)),
        Route("/readyz", partial(_health, workspace, vitals)),
        Route("/metrics", partial(_metrics, page)),
        Route("/reports/evidently/{model}/{window_start}", partial(_report, workspace)),
    ]


def _health(workspace: Workspace, vitals: Vitals, request: Request) -> Response:
    """Answer 200, or 503 when the stores or a vital part are dead. What is wrong is said, nothing about the data is."""
    del request
    state: dict[str, Any] = {name: "ok" if alive() else "dead" for name, alive in vitals.items()}
    try:
        state["stores"] = "ok" if workspace.health().get("status") == "ok" else "dead"
    except Exception:
        _log.exception("the health check failed")
        state["stores"] = "dead"
    ok = "dead" not in state.values()
    return JSONResponse({"ok": ok, **state}, 200 if ok else 503)


def _metrics(page: MetricsPage, request: Request) -> Response:
    try:
        roles.demand_everywhere(identity_of(request), "read", "reading /metrics")
    except WorkspaceError as error:
        return JSONResponse({"error": str(error)}, status_of(error))
    return Response(page.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _report(workspace: Workspace, request: Request) -> Response:
    model, start = request.path_params["model"], request.path_params["window_start"]
    try:
        path = limited(request, workspace).evidently_report(model, datetime.fromisoformat(start))
    except (ValueError, OverflowError):
        return JSONResponse({"error": f"window start {start!r} is not an ISO 8601 time"}, 400)
    except WorkspaceError as error:
        return JSONResponse({"error": str(error)}, status_of(error))
    return FileResponse(
        path, media_type="text/html; charset=utf-8", headers={"content-security-policy": _REPORT_POLICY}
    )
