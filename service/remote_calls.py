"""How the remote workspace calls the process that owns the home: errors in the same words, lists page by page."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

import httpx

from service.workspace import ConflictError, ForbiddenError, NotFoundError, WorkspaceError

_PAGE = 10_000
_TIMEOUT = httpx.Timeout(600.0, connect=5.0)  # a run over a long history answers when it is done
_ERRORS: dict[int, type[WorkspaceError]] = {403: ForbiddenError, 404: NotFoundError, 409: ConflictError}


class RemoteCalls:
    """A connection to the process at ``url``. ``secret`` is that process's own, or its token."""

    def __init__(self, url: str, *, secret: str | None = None) -> None:
        headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
        self._url = url
        # what HTTP_PROXY says has no say between two processes of one machine
        self._http = httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=_TIMEOUT, trust_env=False)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _call(self, method: str, path: str, *, accept: tuple[int, ...] = (), **request: Any) -> httpx.Response:
        """Return the answer; its error becomes the exception that the owner raised."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TimeoutException:
            raise WorkspaceError(f"the process at {self._url} did not answer in time; see its log") from None
        except httpx.HTTPError as error:
            raise WorkspaceError(
                f"the process at {self._url} does not answer ({error}); is it still running?"
            ) from None
        if answer.is_success or answer.status_code in accept:
            return answer
        try:
            words = str(answer.json()["error"])
        except (ValueError, KeyError, TypeError):
            words = f"the process at {self._url} answered {answer.status_code}; see its log"
        raise _ERRORS.get(answer.status_code, WorkspaceError)(words)

    def _all(
        self, path: str, query: Mapping[str, Any] | None = None, *, limit: int | None = None, offset: int = 0
    ) -> list[Any]:
        """Return a whole list, page by page."""
        wanted = {key: value for key, value in (query or {}).items() if value is not None}
        found: list[Any] = []
        while limit is None or len(found) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            page = self._call("GET", path, params={**wanted, "limit": size, "offset": offset + len(found)}).json()
            found += page
            if len(page) < size:
                break
        return found


def part(name: str) -> str:
    """Return a name as one part of a path."""
    return urllib.parse.quote(name, safe="")


def model_path(model: str) -> str:
    """Return the path of a model."""
    return f"/models/{part(model)}"
