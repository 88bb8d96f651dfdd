"""Errors as ``{"error": words}``, with the status that fits them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from service.workspace import ConflictError, ForbiddenError, NotFoundError, WorkspaceError
from storage.errors import (
    AlreadyExistsError,
    KeyReusedError,
    MissingRecordError,
    QueueFullError,
    SchemaConflictError,
    StorageError,
    StorageFullError,
)

_log = logging.getLogger(__name__)


def too_large(limit: int) -> str:
    """Return what is said of a body beyond ``limit`` bytes."""
    return f"the body holds more than {limit // 2**20} MiB; send smaller batches, or raise the setting max_body_mb"


class ApiError(Exception):
    """A refusal of the API itself; ``details`` are further members of the answer."""

    def __init__(self, status: int, error: str, *, headers: Mapping[str, str] | None = None, **details: object) -> None:
        super().__init__(error)
        self.status, self.headers, self.details = status, headers, details


#: The first that fits counts.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 409),
    (ForbiddenError, 403),
    (WorkspaceError, 422),
    (MissingRecordError, 404),
    (AlreadyExistsError, 409),
    (SchemaConflictError, 409),
    (KeyReusedError, 422),
    (QueueFullError, 429),
    (StorageFullError, 507),
    (StorageError, 500),
)


def status_of(error: Exception) -> int:
    """Return the HTTP status for an error of the workspace or of its stores."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def install(app: FastAPI) -> None:
    """Make ``app`` answer every error in words."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(WorkspaceError, _in_words)
    app.add_exception_handler(StorageError, _in_words)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def answer(request: Request, error: Exception) -> JSONResponse:
    """Return what an error of an append is answered with, as the handlers above would."""
    if isinstance(error, ApiError):
        return await _api_error(request, error)
    if isinstance(error, WorkspaceError | StorageError):
        return await _in_words(request, error)
    return await _unexpected(request, error)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return JSONResponse({"error": str(error), **error.details}, error.status, error.headers)


async def _in_words(_: Request, error: Exception) -> JSONResponse:
    headers = {"retry-after": f"{error.retry_after:g}"} if isinstance(error, QueueFullError) else None
    more = {"key_reused": True} if isinstance(error, KeyReusedError) else {}
    return JSONResponse({"error": str(error), **more}, status_of(error), headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if error.errors()[0]["loc"] == ("body",) and not kind.endswith(
        "json"
    ):  # what curl sends unless it is told otherwise
        words = f"the body came as {kind or 'no content type'}; send the header Content-Type: application/json"
        return JSONResponse({"error": words, "fields": [{"field": "body", "error": words}]}, 422)
    found = [{"field": ".".join(str(part) for part in item["loc"]), "error": item["msg"]} for item in error.errors()]
    first = found[0]
    return JSONResponse({"error": f"{first['field']}: {first['error']}", "fields": found}, 422)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    words = too_large(request.app.state.max_body) if error.status_code == 413 else error.detail
    return JSONResponse({"error": words}, error.status_code, error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"error": "something went wrong inside the service; its log says what"}, 500)


class SizeLimit:
    """ASGI middleware that turns away, in words, a body that says it is too large; the rest counts what really comes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or pass the call on."""
        length = Headers(scope=scope).get("content-length", "0") if scope["type"] == "http" else "0"
        if length.isdecimal() and int(length) > self._limit:
            await JSONResponse({"error": too_large(self._limit)}, 413)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
