"""How good a model is, and why, of a workspace that another process owns."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from service import outcome_views
from service.remote_calls import RemoteCalls, part


class RemoteOutcomes(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` answers about outcomes."""

    def performance_detail(
        self, model: str, since: datetime, until: datetime, *, version: str | None = None
    ) -> outcome_views.DetailView:
        query = {"since": since.isoformat(), "until": until.isoformat()}
        query |= {} if version is None else {"version": version}
        answer = self._call("GET", f"/models/{part(model)}/performance/detail", params=query)
        return cast("outcome_views.DetailView", answer.json())
