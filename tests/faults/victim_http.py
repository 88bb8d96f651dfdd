"""A process that takes appends over HTTP until it is killed."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from service.api.app import api_routes, build_api
from service.api.lane import AppendLane
from service.local import LocalWorkspace
from service.settings import Settings
from storage.faults import VARIABLE

DECLARATION = '[models.m]\ntask = "regression"\nfeatures = { batch = "numeric" }\n'
NOW = datetime(2013, 3, 1, tzinfo=UTC)


def main(folder: Path, place: Path, fault: str) -> None:
    """Serve ``folder``; the port is written to ``place`` once it is listened on."""
    with LocalWorkspace.open(folder, now=lambda: NOW) as workspace:
        if not workspace.models():
            workspace.apply(DECLARATION)
        os.environ[VARIABLE] = fault
        settings = Settings()
        api = build_api(workspace, settings)
        app = Starlette(routes=api_routes(workspace, settings, api=api), middleware=[Middleware(AppendLane, api=api)])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            place.with_suffix(".new").write_text(str(listener.getsockname()[1]))
            place.with_suffix(".new").replace(place)
            uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listener])
