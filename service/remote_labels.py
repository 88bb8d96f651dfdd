"""Labels, feedback and restated readings of a workspace that another process owns."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from service import data_views, views
from service.remote_calls import RemoteCalls, part


class RemoteLabels(RemoteCalls):
    """What :class:`service.remote.RemoteWorkspace` answers about labels."""

    def labels(self, model: str, *, windows: int = 60) -> data_views.LabelSummary:
        answer = self._call("GET", f"/models/{part(model)}/labels", params={"windows": windows})
        return cast("data_views.LabelSummary", answer.json())

    def label_history(self, model: str, prediction_id: str) -> list[data_views.LabelEntry]:
        answer = self._call("GET", f"/models/{part(model)}/labels/{part(prediction_id)}")
        return cast("list[data_views.LabelEntry]", answer.json())

    def feedback(self, model: str, kind: str | None = None) -> list[data_views.FeedbackPoint]:
        query = {} if kind is None else {"kind": kind}
        answer = self._call("GET", f"/models/{part(model)}/feedback", params=query)
        return cast("list[data_views.FeedbackPoint]", answer.json())

    def reading_history(
        self, model: str, check: str, window_start: datetime, *, column: str | None = None
    ) -> list[views.ReadingView]:
        query = {"check": check, "window": window_start.isoformat()} | ({} if column is None else {"column": column})
        answer = self._call("GET", f"/models/{part(model)}/readings/history", params=query)
        return cast("list[views.ReadingView]", answer.json())
