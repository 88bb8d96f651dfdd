"""What watchers of the process ask, at the root: ``/healthz``, ``/readyz``, ``/metrics``, and Evidently's reports."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.api.errors import status_of
from service.workspace import Workspace, WorkspaceError

_log = logging.getLogger(__name__)
# Evidently writes category names into scripts unescaped: the report runs in a sandbox that can reach nothing.
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)


#: Parts of the process that must be alive, by name: the scheduler.
Vitals = Mapping[str, Callable[[], bool]]


def routes(workspace: Workspace, vitals: Vitals) -> list[BaseRoute]:
    """Return the routes; they are plain functions, so Starlette runs them beside the event loop."""
    return [
        Route("/healthz", partial(_health, workspace, vitals)),
        Route("/readyz", partial(_health, workspace, vitals)),
        Route("/metrics", partial(_metrics, workspace)),
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


def _metrics(workspace: Workspace, request: Request) -> Response:
    del request
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_State(workspace))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _report(workspace: Workspace, request: Request) -> Response:
    model, start = request.path_params["model"], request.path_params["window_start"]
    try:
        path = workspace.evidently_report(model, datetime.fromisoformat(start))
    except (ValueError, OverflowError):
        return JSONResponse({"error": f"window start {start!r} is not an ISO 8601 time"}, 400)
    except WorkspaceError as error:
        return JSONResponse({"error": str(error)}, status_of(error))
    return FileResponse(
        path, media_type="text/html; charset=utf-8", headers={"content-security-policy": _REPORT_POLICY}
    )


class _State(Collector):
    """Gauges read from the workspace at the moment they are asked for."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def collect(self) -> Iterable[Metric]:
        models = self._workspace.models()
        rows = GaugeMetricFamily("driftdeck_rows", "Rows held", labels=["model", "kind"])
        metric = GaugeMetricFamily(
            "driftdeck_performance", "Headline metric of the latest judged window", labels=["model", "metric", "unit"]
        )
        drifted = GaugeMetricFamily("driftdeck_drifted_columns", "Columns in drift", labels=["model"])
        for model in models:
            held: dict[str, Any] = dict(model["rows"])
            for kind, count in held.items():
                rows.add_metric([model["name"], kind], count)
            drifted.add_metric([model["name"]], model["drifted"])
            shown = model["metric"]
            if shown is not None and shown["value"] is not None:
                metric.add_metric([model["name"], shown["name"], shown["unit"]], shown["value"])
        yield GaugeMetricFamily("driftdeck_models", "Models declared", value=len(models))
        yield from (rows, metric, drifted)
        yield _counted(
            "driftdeck_alerts",
            "Alerts by severity and state",
            ["model", "severity", "state"],
            [(alert["model"], alert["severity"], alert["state"]) for alert in self._workspace.alerts()],
        )
        yield _counted(
            "driftdeck_jobs",
            "Training jobs by state",
            ["model", "state"],
            [(job["model"], job["state"]) for job in self._workspace.jobs()],
        )


def _counted(name: str, help_text: str, labels: list[str], items: list[tuple[str, ...]]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for values, count in sorted(Counter(items).items()):
        family.add_metric(values, count)
    return family
