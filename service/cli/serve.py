"""``serve`` and ``demo``: the one process."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from service.cli.session import Session, command

HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on [default: 127.0.0.1].")]
PortOption = Annotated[
    int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one [default: 8501].")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "serve")(serve)
    command(app, "demo")(demo)


def serve(session: Session, host: HostOption = None, port: PortOption = None) -> None:
    """Serve the workspace: dashboard, API and scheduler in one process."""
    from service import server
    from service.local import LocalWorkspace
    from service.settings import load

    settings = load(session.home, {"host": host, "port": port}, os.environ)
    server.run(session.home, settings, LocalWorkspace.open)


def demo(
    session: Session,
    host: HostOption = None,
    port: PortOption = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="Day the demo's clock stops at.")] = None,
    scripted: Annotated[bool, typer.Option("--scripted", help="Retrain, promote and roll back by itself.")] = False,  # noqa: FBT002
    live: Annotated[bool, typer.Option("--live", help="Replay at a chosen speed.")] = False,  # noqa: FBT002
) -> None:
    """Build the flights workspace (once) and serve it."""
    from service.demo import serve_demo
    from service.settings import load

    settings = load(session.home, {"host": host, "port": port}, os.environ)
    serve_demo(session.home, settings, until=until, scripted=scripted, live=live)
