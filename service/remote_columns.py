"""Single columns of a workspace that another process owns."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from service import column_views, views
from service.remote_calls import RemoteCalls, part


class RemoteColumns(RemoteCalls):
    """See :class:`service.columns.Columns`."""

    def columns(self, model: str) -> list[column_views.ColumnName]:
        return cast("list[column_views.ColumnName]", self._call("GET", f"/models/{part(model)}/columns").json())

    def relation(
        self, model: str, column: str, window_start: datetime | None = None
    ) -> column_views.RelationView | None:
        query = {"column": column} | ({} if window_start is None else {"window": window_start.isoformat()})
        answer = self._call("GET", f"/models/{part(model)}/relation", params=query)
        return cast("column_views.RelationView | None", answer.json())

    def column_rows(
        self,
        model: str,
        column: str,
        since: datetime,
        until: datetime,
        *,
        place: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> views.RowPage:
        query: dict[str, str | int] = {"column": column, "since": since.isoformat(), "until": until.isoformat()}
        query |= {"limit": limit, "offset": offset} | ({} if place is None else {"place": place})
        return cast("views.RowPage", self._call("GET", f"/models/{part(model)}/column-rows", params=query).json())
