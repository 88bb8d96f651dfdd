"""Serve the dashboard on a fake workspace, to look at pages: ``python -m tests.support.serve_fake --port 8600``."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from streamlit import config
from streamlit.starlette import App

from service import context
from service.api.app import api_routes
from service.settings import Settings
from tests.support.fake_player import FakePlayer
from tests.support.fake_workspace import FakeWorkspace

DASHBOARD = Path(__file__).parents[2] / "dashboard"


def _options(section: str, entries: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in entries.items():
        if isinstance(value, dict):
            yield from _options(f"{section}.{name}", value)
        else:
            yield f"{section}.{name}", value


def app(workspace: FakeWorkspace, *, demo: bool) -> App:
    """Return the dashboard as an ASGI application."""
    settings = tomllib.loads((DASHBOARD / "streamlit_config.toml").read_text())
    for section, entries in settings.items():
        for name, value in _options(section, entries):
            config.set_option(name, value)
    context.set_workspace(workspace)
    context.set_demo(FakePlayer(workspace) if demo else None)
    return App(DASHBOARD / "shell" / "app.py", routes=api_routes(workspace, Settings()))


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--until-week", type=int, default=22)
    parser.add_argument("--extra", type=int, default=7)
    parser.add_argument("--empty", action="store_true")
    parser.add_argument("--demo", action="store_true")
    arguments = parser.parse_args()
    fake = FakeWorkspace(until_week=arguments.until_week, extra=arguments.extra, empty=arguments.empty)
    uvicorn.run(app(fake, demo=arguments.demo), host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
