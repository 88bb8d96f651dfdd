"""The one process: dashboard, API, scheduler and stores in a single ASGI application under uvicorn."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from anyio import to_thread
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from service import context, endpoint
from service.api.app import api_routes, build_api
from service.api.lane import AppendLane
from service.api.traffic import Counting, Traffic
from service.declared_file import DeclaredFile
from service.local import LocalWorkspace
from service.local.warm import kept_warm
from service.scheduling import Schedules
from service.security import Guard, Policy, doubts, policy
from service.settings import Settings
from service.sign_in import SignIn
from service.sign_in_page import sign_in_routes
from service.workspace import Workspace, WorkspaceError
from storage.control_access import has_admin
from storage.home import Home

_DASHBOARD = Path(__file__).parents[1] / "dashboard"
_SHUTDOWN_SECONDS = 10

#: Something that runs for as long as the process serves: entered once the stores are open, left before they close.
Companion = Callable[[Workspace], AbstractContextManager[object]]


def run(
    home: Path,
    settings: Settings,
    open_workspace: Callable[[Path], Workspace],
    *,
    companions: Sequence[Companion] = (),
    routes: Callable[[Workspace], Sequence[BaseRoute]] = lambda _: (),
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve ``home`` until the process is told to stop.

    ``open_workspace`` opens the folder; ``companions`` (a demo's player) run beside the scheduler; ``routes`` stand before
    the API's. Raises :class:`WorkspaceError` in words when the address may not or cannot be listened on, or when another
    process serves the folder.
    """
    endpoint.refuse_second(home)
    secret = secrets.token_urlsafe(32)
    rules = policy(settings, secret, has_admin=has_admin(Home(home.expanduser().absolute()).control))
    for words in doubts(settings, rules):
        print(f"Take care: {words}", file=sys.stderr, flush=True)  # noqa: T201 - before logging is set up
    with _listen(settings) as listener, open_workspace(home) as workspace:
        url = _url(settings.host, listener.getsockname()[1])
        app = build_app(workspace, settings, rules, companions=companions, routes=routes(workspace))
        place = Home(home.expanduser().absolute())

        def started() -> None:
            endpoint.publish(place, endpoint.Endpoint(os.getpid(), url, secret))
            (ready or _announce)(url)

        try:
            uvicorn_server = _Server(_uvicorn_config(app, settings), started)
            uvicorn_server.run([listener])
            if not uvicorn_server.started:
                raise WorkspaceError("the service could not start; the log above says why")
        finally:
            endpoint.withdraw(place)


def build_app(
    workspace: Workspace,
    settings: Settings,
    rules: Policy,
    *,
    companions: Sequence[Companion] = (),
    routes: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """Return the ASGI application; in its lifespan the scheduler (unless switched off) and the companions run."""
    from streamlit.starlette import App

    _configure_streamlit()
    api, traffic = build_api(workspace, settings), Traffic()
    schedules = Schedules(workspace, _clock) if settings.scheduler else None
    if isinstance(workspace, LocalWorkspace):
        workspace.core.max_runs = settings.max_runs
        workspace.core.max_body = settings.max_body_mb * 2**20
        workspace.core.allow_pickle = settings.allow_pickle
        workspace.core.max_jobs = settings.max_jobs
    watched = DeclaredFile(Path(settings.declaration), workspace, _clock) if settings.declaration else None
    if watched is not None and isinstance(workspace, LocalWorkspace):
        workspace.core.declared_file = watched.state
    known = sign_in(workspace, settings, rules)
    vitals = {} if schedules is None else {"scheduler": lambda: schedules.alive}

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        context.set_workspace(workspace)
        context.set_sign_in(known)
        with ExitStack() as stack:
            stack.callback(context.set_workspace, None)
            stack.callback(context.set_sign_in, None)
            if watched is not None:
                stack.enter_context(watched)
            if schedules is not None:
                stack.enter_context(schedules)
            if isinstance(workspace, LocalWorkspace):
                stack.enter_context(kept_warm(workspace.core))
            for companion in companions:
                stack.enter_context(companion(workspace))
            yield
            if isinstance(workspace, LocalWorkspace):
                workspace.core.closing.set()  # sources that are being read end after their chunk
            await to_thread.run_sync(stack.pop_all().close)  # a run that is under way ends first

    app: ASGIApp = App(
        _DASHBOARD / "shell" / "app.py",
        routes=[
            *sign_in_routes(known, settings, rules),
            *routes,
            *api_routes(workspace, settings, vitals, api=api, traffic=traffic),
        ],
        lifespan=lifespan,
        middleware=[
            Middleware(Counting, traffic=traffic),
            Middleware(Guard, policy=rules, sign_in=known),
            Middleware(AppendLane, api=api),
        ],
    )
    return app


def sign_in(workspace: Workspace, settings: Settings, rules: Policy) -> SignIn | None:
    """Return what knows who is who, None where sign-in is off."""
    if not rules.sign_in:
        return None
    if not isinstance(workspace, LocalWorkspace):
        raise WorkspaceError("sign-in is needed, and only the process that holds the folder knows its users")
    return SignIn(workspace.core.control, workspace.core.system_now, time.monotonic, settings.token)


def _clock() -> datetime:
    return datetime.now(UTC)


def _configure_streamlit() -> None:
    """Set Streamlit's options: under uvicorn it reads neither its environment variables nor a file beside the script."""
    from streamlit import config

    settings = tomllib.loads((_DASHBOARD / "streamlit_config.toml").read_text(encoding="utf-8"))
    for name, value in _flatten(settings):
        config.set_option(name, value, where_defined="driftdeck")


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in table.items():
        flat += _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return flat


def _listen(settings: Settings) -> socket.socket:
    """Bind before anything is opened, so that a busy port is one clear line."""
    host = settings.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise WorkspaceError(f"host {settings.host!r} is not an address of this machine: {error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise WorkspaceError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; choose another with --port"
        ) from None
    return listener


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{shown}]' if ':' in shown and not shown.startswith('[') else shown}:{port}"


def _announce(url: str) -> None:
    print(f"Driftdeck is at {url}", file=sys.stderr, flush=True)  # noqa: T201 - the one line a person waits for


def _uvicorn_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return uvicorn.Config(
        app,
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        ws="websockets-sansio",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


class _Server(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let a signal end the serving and nothing more: uvicorn would raise it again and leave the stores unclosed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and call back if that went well."""
        await super().startup(sockets)
        if not self.should_exit:
            self._when_started()
