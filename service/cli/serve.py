"""``serve`` and ``demo``: the one process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.session import Session, command

if TYPE_CHECKING:
    from service.settings import Settings

HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on [default: 127.0.0.1].")]
PortOption = Annotated[
    int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one [default: 8501].")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "serve")(serve)
    command(app, "demo")(demo)


def _settings(session: Session, host: str | None, port: int | None, declaration: str | None = None) -> Settings:
    """Return the settings, once it is clear that serving may begin: a second start is told so before anything is loaded."""
    from service import endpoint, security
    from service.settings import load
    from storage.control_access import has_admin
    from storage.home import Home

    settings = load(session.home, {"host": host, "port": port, "declaration": declaration}, os.environ)
    security.policy(settings, has_admin=has_admin(Home(session.home.expanduser().absolute()).control))
    endpoint.refuse_second(session.home)
    return settings


def serve(
    session: Session,
    host: HostOption = None,
    port: PortOption = None,
    declaration: Annotated[
        str | None,
        typer.Option("--declaration", metavar="FILE", help="TOML file to apply at the start and whenever it changes."),
    ] = None,
) -> None:
    """Serve the workspace: dashboard, API and scheduler in one process."""
    settings = _settings(session, host, port, declaration)
    from service import server
    from service.local import LocalWorkspace

    server.run(session.home, settings, LocalWorkspace.open)


def demo(
    session: Session,
    host: HostOption = None,
    port: PortOption = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="Day the demo's clock stops at.")] = None,
    scripted: Annotated[bool, typer.Option("--scripted", help="Retrain, promote and roll back by itself.")] = False,  # noqa: FBT002
    live: Annotated[  # noqa: FBT002
        bool, typer.Option("--live", help="Replay at the pace of --speed, not as fast as it goes.")
    ] = False,
    speed: Annotated[float, typer.Option("--speed", min=0.1, metavar="DAYS", help="Days a minute, with --live.")] = 60,
) -> None:
    """Build the flights workspace (once) and serve it."""
    settings = _settings(session, host, port)
    from service.demo import serve_demo

    serve_demo(session.home, settings, until=until, scripted=scripted, speed=speed if live else None)
