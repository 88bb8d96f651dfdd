"""Drift inside segments of a workspace that another process owns."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from service import views
from service.remote_calls import RemoteCalls, part


class RemoteSegments(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` answers about segments."""

    def segment_names(self, model: str) -> list[str]:
        return cast("list[str]", self._call("GET", f"/models/{part(model)}/segment-names").json())

    def segment_drift(
        self,
        model: str,
        window_start: datetime | None = None,
        *,
        segment: str | None = None,
        column: str | None = None,
        limit: int = 100,
    ) -> list[views.SegmentDrift]:
        window = window_start.isoformat() if window_start else None
        query = {"window": window, "segment": segment, "column": column, "limit": limit}
        given = {name: value for name, value in query.items() if value is not None}
        answer = self._call("GET", f"/models/{part(model)}/segment-drift", params=given)
        return cast("list[views.SegmentDrift]", answer.json())
