"""What the remote workspace is asked about rows that were refused and columns that came otherwise than declared."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any, cast

from service import data_views


class RemoteDoor:
    """Mixed into :class:`service.remote.RemoteWorkspace`, which says how calls are made."""

    def _all(
        self, path: str, query: Mapping[str, Any] | None = None, *, limit: int | None = None, offset: int = 0
    ) -> list[Any]:
        raise NotImplementedError

    def quarantine(self, model: str, *, limit: int = 100, offset: int = 0) -> list[data_views.QuarantineView]:
        found = self._all(f"{_of(model)}/quarantine", limit=limit, offset=offset)
        return cast("list[data_views.QuarantineView]", found)

    def quarantine_groups(self, model: str) -> list[data_views.QuarantineGroup]:
        return cast("list[data_views.QuarantineGroup]", self._all(f"{_of(model)}/quarantine/groups"))

    def schema_events(self, model: str) -> list[data_views.SchemaEvent]:
        return cast("list[data_views.SchemaEvent]", self._all(f"{_of(model)}/schema"))


def _of(model: str) -> str:
    return f"/models/{urllib.parse.quote(model, safe='')}"
