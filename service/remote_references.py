"""References of a workspace that another process owns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

import httpx

from service import data_views


class RemoteReferences:
    """What :class:`service.remote.RemoteWorkspace` answers about references."""

    def _call(self, method: str, path: str, *, accept: tuple[int, ...] = (), **request: Any) -> httpx.Response:
        raise NotImplementedError

    def _all(
        self, path: str, query: Mapping[str, Any] | None = None, *, limit: int | None = None, offset: int = 0
    ) -> list[Any]:
        raise NotImplementedError

    def references(self, model: str) -> list[data_views.ReferenceView]:
        return cast("list[data_views.ReferenceView]", self._all(f"/models/{quote(model, safe='')}/references"))

    def reference_diff(self, model: str, version: int, other: int) -> list[data_views.ReferenceDiffRow]:
        path = f"/models/{quote(model, safe='')}/references/diff"
        answer = self._call("GET", path, params={"version": version, "other": other})
        return cast("list[data_views.ReferenceDiffRow]", answer.json())
