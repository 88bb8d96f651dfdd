"""Errors as ``{"error": words}``, with the status that fits them."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service.workspace import ConflictError, NotFoundError, WorkspaceError

_log = logging.getLogger(__name__)


class ApiError(Exception):
    """A refusal of the API itself; ``details`` are further members of the answer."""

    def __init__(self, status: int, error: str, **details: object) -> None:
        super().__init__(error)
        self.status, self.details = status, details


def status_of(error: WorkspaceError) -> int:
    """Return the HTTP status for an error of the workspace."""
    if isinstance(error, NotFoundError):
        return 404
    return 409 if isinstance(error, ConflictError) else 400


def install(app: FastAPI) -> None:
    """Make ``app`` answer every error in words."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(WorkspaceError, _workspace_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return JSONResponse({"error": str(error), **error.details}, error.status)


async def _workspace_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WorkspaceError)
    return JSONResponse({"error": str(error)}, status_of(error))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [{"field": ".".join(str(part) for part in item["loc"]), "error": item["msg"]} for item in error.errors()]
    first = found[0]
    return JSONResponse({"error": f"{first['field']}: {first['error']}", "fields": found}, 422)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"error": "something went wrong inside the service; its log says what"}, 500)
