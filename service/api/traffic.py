"""Requests counted and timed, by route: names in paths never become labels."""

from __future__ import annotations

import re
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.measures import BY_NAME

_APPEND = re.compile(r"/api/v1/models/[^/]+/(logs|labels)")
_ROOT = frozenset({"/healthz", "/readyz", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_THROTTLED = 429


class Traffic:
    """What one process has answered, and what it takes of the machine: a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        requests, seconds, throttled = (
            BY_NAME[name]
            for name in (
                "driftdeck_http_requests_total",
                "driftdeck_http_request_duration_seconds",
                "driftdeck_ingestion_throttled_total",
            )
        )
        self._requests = Counter(requests.name, requests.help, requests.labels, registry=self.registry)
        self._seconds = Histogram(seconds.name, seconds.help, seconds.labels, registry=self.registry, buckets=_SECONDS)
        self._throttled = Counter(throttled.name, throttled.help, registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if status == _THROTTLED:
            self._throttled.inc()


class Counting:
    """ASGI middleware that tells :class:`Traffic` of every request, those that are turned away too."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app, self._traffic = app, traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, and count it when it has been answered to its end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started, path = 500, time.perf_counter(), scope["path"]

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._traffic.answered(scope["method"], route_of(scope, path), status, time.perf_counter() - started)


def route_of(scope: Scope, path: str) -> str:
    """Return the pattern of a request's path: ``/api/v1/models/{model}``; ``page`` for the dashboard's own, ``other`` for none."""
    if path in _ROOT:
        return path
    append = _APPEND.fullmatch(path)
    if append is not None:
        return f"/api/v1/models/{{model}}/{append[1]}"
    if path == "/api" or path.startswith("/api/"):
        route: Any = scope.get("route")  # without one of the API's, it is still the mount that led there
        pattern = None if isinstance(route, Mount) else getattr(route, "path_format", None)
        above = "/api/v1" if path.startswith("/api/v1/") else "/api"
        return above + pattern.removeprefix("/v1") if isinstance(pattern, str) else "other"
    return "/reports/evidently" if path.startswith("/reports/evidently/") else "page"
