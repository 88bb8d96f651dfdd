"""Labels, feedback and restated readings of a workspace that another process owns."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

import httpx

from service import data_views, views


class RemoteLabels:
    """What :class:`service.remote.RemoteWorkspace` answers about labels."""

    def _call(self, method: str, path: str, *, accept: tuple[int, ...] = (), **request: Any) -> httpx.Response:
        raise NotImplementedError

    def labels(self, model: str, *, windows: int = 60) -> data_views.LabelSummary:
        answer = self._call("GET", f"/models/{_part(model)}/labels", params={"windows": windows})
        return cast("data_views.LabelSummary", answer.json())

    def label_history(self, model: str, prediction_id: str) -> list[data_views.LabelEntry]:
        answer = self._call("GET", f"/models/{_part(model)}/labels/{_part(prediction_id)}")
        return cast("list[data_views.LabelEntry]", answer.json())

    def feedback(self, model: str, kind: str | None = None) -> list[data_views.FeedbackPoint]:
        query = {} if kind is None else {"kind": kind}
        answer = self._call("GET", f"/models/{_part(model)}/feedback", params=query)
        return cast("list[data_views.FeedbackPoint]", answer.json())

    def reading_history(
        self, model: str, check: str, window_start: datetime, *, column: str | None = None
    ) -> list[views.ReadingView]:
        query = {"check": check, "window": window_start.isoformat()} | ({} if column is None else {"column": column})
        answer = self._call("GET", f"/models/{_part(model)}/readings/history", params=query)
        return cast("list[views.ReadingView]", answer.json())


def _part(name: str) -> str:
    return quote(name, safe="")
