"""Sources of a workspace that another process owns."""

from __future__ import annotations

from typing import cast

from service import data_views
from service.remote_calls import RemoteCalls, part


class RemoteSources(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` answers about sources."""

    def sources(self) -> list[data_views.SourceView]:
        return cast("list[data_views.SourceView]", self._all("/sources"))

    def source_runs(self, source: str, *, limit: int = 50) -> list[data_views.SourceRunView]:
        return cast("list[data_views.SourceRunView]", self._all(f"{_of(source)}/runs", limit=limit))

    def run_source(self, source: str, *, actor: str = "cli", trigger: str = "manual") -> data_views.SourceRunView:
        del actor, trigger  # the owner knows who calls, and what comes by HTTP is nobody's schedule
        answer = self._call("POST", f"{_of(source)}/run", timeout=None)  # a first run may take hours
        return cast("data_views.SourceRunView", answer.json())


def _of(source: str) -> str:
    return f"/sources/{part(source)}"
