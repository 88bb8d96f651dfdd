"""What the remote workspace is asked about rows that were refused and columns that came otherwise than declared."""

from __future__ import annotations

from typing import cast

from service import data_views, views
from service.remote_calls import RemoteCalls, model_path


class RemoteDoor(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` does about data on its way in."""

    def quarantine(self, model: str, *, limit: int = 100, offset: int = 0) -> list[data_views.QuarantineView]:
        found = self._all(f"{model_path(model)}/quarantine", limit=limit, offset=offset)
        return cast("list[data_views.QuarantineView]", found)

    def quarantine_groups(self, model: str) -> list[data_views.QuarantineGroup]:
        return cast("list[data_views.QuarantineGroup]", self._all(f"{model_path(model)}/quarantine/groups"))

    def repair(self, model: str, repairs: list[data_views.RepairedRow], *, actor: str = "cli") -> views.AppendView:
        del actor  # the owner knows who calls
        answer = self._call("POST", f"{model_path(model)}/quarantine/repair", json={"repairs": repairs})
        return cast("views.AppendView", answer.json())

    def schema_events(self, model: str) -> list[data_views.SchemaEvent]:
        return cast("list[data_views.SchemaEvent]", self._all(f"{model_path(model)}/schema"))
