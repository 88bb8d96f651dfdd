"""Middleware for ASGI applications: FastAPI, Starlette, Litestar, Quart, Django."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from driftdeck_client.exchange import MAX_BODY, Body, Extract, Path, Watch, is_plain_json

if TYPE_CHECKING:
    from driftdeck_client.client import Client

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class DriftdeckASGI:
    """Logs the JSON exchanges of one route, after each answer has been sent.

    ``path`` is a path or a function of it, ``extract`` a function of the request's and the answer's JSON value that returns
    keyword arguments of ``Client.log`` (a mapping, several, or None); default: ``exchange.default_extract``. Bodies
    over ``max_body`` bytes pass through unlogged. Requests and answers are never changed, and own errors are only counted.
    """

    def __init__(
        self,
        app: Callable[[Any, Any, Any], Awaitable[None]],
        client: Client,
        model: str,
        path: Path = "/predict",
        extract: Extract | None = None,
        *,
        method: str = "POST",
        max_body: int = MAX_BODY,
    ) -> None:
        self._app = app
        self._watch = Watch(client, model, path, method, extract, max_body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on."""
        if scope["type"] != "http" or not self._watch.wants(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        seen = _Exchange(self._watch)

        async def read() -> MutableMapping[str, Any]:
            message = await receive()
            if message["type"] == "http.request":
                seen.request.add(message.get("body", b""))
            return message

        async def write(message: MutableMapping[str, Any]) -> None:
            latency = (time.perf_counter() - seen.started) * 1000
            await send(message)
            seen.sent(message, latency)

        await self._app(scope, read, write)


class _Exchange:
    """One request and its answer, as they pass by."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.request, self._response = Body(watch.max_body), Body(watch.max_body)
        self._status = 0
        self.started = time.perf_counter()

    def sent(self, message: MutableMapping[str, Any], latency_ms: float) -> None:
        """Remember a message that was sent, and log once the last one was."""
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            if is_plain_json(_header(headers, b"content-type"), _header(headers, b"content-encoding")):
                self._status = message["status"]
        elif message["type"] == "http.response.body" and self._status:
            self._response.add(message.get("body", b""))
            if not message.get("more_body", False):
                self._watch.log(self._status, self.request, self._response, latency_ms)


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == wanted), "")
