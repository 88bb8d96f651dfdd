"""The part of the workspace's protocol that is about single columns: which there are, what the model does with them, their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from service import column_views, views


class Columns(Protocol):
    """What a workspace says of single columns."""

    def columns(self, model: str) -> list[column_views.ColumnName]:
        """Return the columns that have a page, embeddings among them, in the order of the declaration; none before there is a reference."""
        ...

    def relation(
        self, model: str, column: str, window_start: datetime | None = None
    ) -> column_views.RelationView | None:
        """Return prediction and error by value of a column in a window (default: the latest judged); None for what is no input or prediction."""
        ...

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
        """Return the served rows of a stretch whose value lies in the bar at ``place`` (None: rows without a value), a page at a time."""
        ...
