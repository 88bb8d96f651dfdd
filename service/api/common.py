"""What the routes share: the workspace, the actor, paging, times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import AfterValidator

from service.workspace import Workspace

_Item = TypeVar("_Item")


def _workspace(request: Request) -> Workspace:
    workspace: Workspace = request.app.state.workspace
    return workspace


def _actor(request: Request) -> str:
    return str(getattr(request.state, "actor", "api"))


class Page:
    """A slice of a list; sets ``X-Total-Count`` on the answer."""

    def __init__(
        self,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
        offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
    ) -> None:
        self.limit, self.offset, self._response = limit, offset, response

    def of(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """Return the page of ``items``."""
        self._response.headers["x-total-count"] = str(len(items))
        return items[self.offset : self.offset + self.limit]


def _within_reason(moment: datetime) -> datetime:
    """Refuse times whose time zone cannot be changed without leaving the calendar; no model is that old."""
    if not 1900 <= moment.year <= 2200:
        raise ValueError("a time must lie between the years 1900 and 2200")
    return moment


Moment = Annotated[datetime, AfterValidator(_within_reason)]
InWorkspace = Annotated[Workspace, Depends(_workspace)]
Actor = Annotated[str, Depends(_actor)]
Paged = Annotated[Page, Depends()]
Since = Annotated[Moment | None, Query(description="event time from which, included")]
Until = Annotated[Moment | None, Query(description="event time until which, excluded")]
