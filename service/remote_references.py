"""References of a workspace that another process owns."""

from __future__ import annotations

from typing import cast

from service import data_views
from service.remote_calls import RemoteCalls, part


class RemoteReferences(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` answers about references."""

    def references(self, model: str) -> list[data_views.ReferenceView]:
        return cast("list[data_views.ReferenceView]", self._all(f"/models/{part(model)}/references"))

    def reference_diff(self, model: str, version: int, other: int) -> list[data_views.ReferenceDiffRow]:
        path = f"/models/{part(model)}/references/diff"
        answer = self._call("GET", path, params={"version": version, "other": other})
        return cast("list[data_views.ReferenceDiffRow]", answer.json())
