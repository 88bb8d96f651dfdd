"""A home in which everything has happened that ``/metrics`` tells of, served without a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from service.api.app import api_routes, build_api
from service.api.traffic import Counting, Traffic
from service.security import Guard, policy
from service.settings import Settings
from tests.support.tiny_workspace import DECLARATION, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

MORE = """
[channels.team]
url = "json://127.0.0.1:9/nobody"

[sources.files]
model = "eta"
read = "{folder}/*.parquet"
"""


@contextmanager
def company(folder: Path) -> Iterator[tuple[Tiny, TestClient]]:
    """Give the home and a client of its service: alerts, messages, a source, a job, refused rows and requests there have been."""
    with tiny(folder / "home", DECLARATION + MORE.format(folder=folder)) as opened:
        workspace = opened.workspace
        workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        opened.log_days(0, 2, shift=5.0, bias=8.0)
        workspace.log(MODEL, [{"prediction_id": "bad", "event_time": "then", "distance": 1, "city": "x", "guess": 1}])
        rows(REFERENCE_DAYS + 2, 1, prefix="f", shift=5.0).drop(columns="truth").to_parquet(folder / "day.parquet")
        workspace.run_source("files")
        opened.run_at(3.5)
        job = {"id": "j", "model": MODEL, "state": "succeeded"}
        workspace.core.control.append_job_event(job)
        with client_of(opened) as client:
            client.get(f"/api/v1/models/{MODEL}")
            yield opened, client


@contextmanager
def client_of(opened: Tiny, settings: Settings | None = None) -> Iterator[TestClient]:
    """Serve a home as the process does, but for the dashboard and the scheduler."""
    settings = settings or Settings()
    traffic, api = Traffic(), build_api(opened.workspace, settings)
    app = Starlette(
        routes=api_routes(opened.workspace, settings, {"scheduler": lambda: True}, api=api, traffic=traffic),
        middleware=[Middleware(Counting, traffic=traffic), Middleware(Guard, policy=policy(settings, "local"))],
    )
    with TestClient(app, "http://127.0.0.1:8501", raise_server_exceptions=False) as client:
        yield client
