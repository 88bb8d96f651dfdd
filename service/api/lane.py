"""A short way for appends, the one call that is made hundreds of times a second.

It stands behind the guard and before everything that serves pages; the routes in :mod:`service.api.appends` say what it does, and take
whatever is out of the ordinary.
"""

from __future__ import annotations

import re
from typing import Literal, cast

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api import errors
from service.api.appends import append

_PATH = re.compile(r"/api/v1/models/([^/]+)/(logs|labels)")
_STRICT = {b"": False, b"strict=0": False, b"strict=false": False, b"strict=1": True, b"strict=true": True}
_LONGEST_KEY = 200


class AppendLane:
    """ASGI middleware that answers appends itself and passes everything else on."""

    def __init__(self, app: ASGIApp, api: FastAPI) -> None:
        self._app, self._api = app, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an append, or pass the call on."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        strict = _STRICT.get(scope["query_string"]) if found else None
        if found is None or strict is None:
            await self._app(scope, receive, send)
            return
        request = Request({**scope, "app": self._api}, receive)
        key = request.headers.get("idempotency-key")
        if key is not None and len(key) > _LONGEST_KEY:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(request, found, key, strict=strict)
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    @staticmethod
    async def _answer(request: Request, found: re.Match[str], key: str | None, *, strict: bool) -> Response:
        into = cast("Literal['logs', 'labels']", found[2])
        try:
            return await append(request, found[1], into, key, strict=strict)
        except ClientDisconnect:
            raise
        except Exception as error:
            return await errors.answer(request, error)
