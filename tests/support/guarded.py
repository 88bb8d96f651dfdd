"""A home with one model, its users, and the whole of what is served before the dashboard: guard, sign-in, API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from service import context, passwords
from service.api.app import api_routes, build_api
from service.api.lane import AppendLane
from service.identity import Role, Scope
from service.local import LocalWorkspace
from service.security import Guard, policy
from service.settings import Settings
from service.sign_in import SignIn
from service.sign_in_page import sign_in_routes
from tests.support.homes import empty

BASE = "http://127.0.0.1:8501"
STREAM = "ws://127.0.0.1:8501/_stcore/stream"
PASSWORDS: dict[str, str] = {name: f"{name} keeps a long secret" for name in ("ada", "ola", "vera")}
ROLES: dict[str, Role] = {"ada": "admin", "ola": "operator", "vera": "viewer"}
DECLARATION = "".join(
    f'[models.{name}]\ntask = "regression"\nprediction = "guess"\nlabel = "truth"\n[models.{name}.features]\ndistance = "numeric"\n'
    for name in ("eta", "fare")
)


class Clock:
    """A time that tests put forward."""

    def __init__(self) -> None:
        self.at = datetime(2024, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


class Guarded:
    """The application, and short words for what tests do with it."""

    def __init__(self, workspace: LocalWorkspace, clock: Clock, settings: Settings) -> None:
        self.workspace, self.clock = workspace, clock
        rules = policy(settings, "process-secret", has_admin=True)
        self.known = SignIn(workspace.core.control, clock, self._ticks, settings.token)
        self.patience, self._waited = 0.0, 0.0
        api = build_api(workspace, settings)
        routes = [
            *sign_in_routes(self.known, settings, rules),
            *api_routes(workspace, settings, api=api),
            Route("/", _page),
            Route("/alerts", _page),
            WebSocketRoute("/_stcore/stream", _stream),
        ]
        guard = Middleware(Guard, policy=rules, sign_in=self.known)
        self.api = api
        self.app = Starlette(routes=routes, middleware=[guard, Middleware(AppendLane, api=api)])
        self.app.state.known = self.known

    def _ticks(self) -> float:
        """Return seconds; ``patience`` of them have passed since they were asked for last."""
        self._waited += self.patience
        return self.clock.at.timestamp() + self._waited

    def client(self, name: str | None = None, *, base: str = BASE) -> TestClient:
        """Return a browser, in which ``name`` is signed in."""
        client = TestClient(self.app, base, follow_redirects=False)
        if name is not None:
            answer = self.enter(client, name, PASSWORDS[name])
            assert answer.status_code == 303, answer.text
        return client

    @staticmethod
    def enter(client: TestClient, name: str, password: str, **more: str) -> Any:
        """Send the form of the page."""
        form = {"name": name, "password": password, **more}
        return client.post("/sign-in", data=form, headers={"origin": str(client.base_url).rstrip("/")})

    def bearer(self, *scopes: Scope, models: list[str] | None = None, days: int | None = None) -> dict[str, str]:
        """Return the header of a new token."""
        name = f"t{len(self.workspace.tokens())}"
        made = self.workspace.create_token(name, scopes=scopes, models=models, days=days)
        return {"authorization": f"Bearer {made['secret']}"}


@contextmanager
def guarded(home: Path, **settings: Any) -> Iterator[Guarded]:
    clock, cost = Clock(), passwords.COST
    passwords.COST = passwords.Cost(n=2**4, p=1)  # tests sign in hundreds of times
    passwords.nobodys.cache_clear()
    with LocalWorkspace.open(empty(home), now=clock) as workspace:
        workspace.apply(DECLARATION)
        for name, password in PASSWORDS.items():
            workspace.add_user(name, role=ROLES[name], password=password)
        try:
            yield Guarded(workspace, clock, Settings(**{"sign_in": "on", **settings}))
        finally:
            passwords.COST = cost
            passwords.nobodys.cache_clear()


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"page of {request.state.identity.name}")


async def _stream(websocket: WebSocket) -> None:
    """Answer every message as a page's script does: with who is behind the handle that the guard gave."""
    await websocket.accept()
    known = websocket.app.state.known
    handles = websocket.headers.getlist(context.IDENTITY_HEADER)
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        who = known.identity(handles[0])
        await websocket.send_json({"handles": len(handles), "name": who and who.name, "role": who and who.role})
