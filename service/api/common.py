"""What the routes share: the workspace, the actor, paging, times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import AfterValidator

from service import roles
from service.identity import OPEN, Identity
from service.workspace import Workspace

_Item = TypeVar("_Item")


def identity_of(request: Request) -> Identity:
    """Return who calls, as the guard has found; where there is no guard in front, nobody is told apart."""
    found = getattr(request.state, "identity", OPEN)
    assert isinstance(found, Identity)
    return found


def limited(request: Request, workspace: Workspace) -> Workspace:
    """Return the workspace as whoever calls may use it."""
    who = identity_of(request)
    return workspace if who.how in _WHOLE else roles.limited(workspace, who)


def _workspace(request: Request) -> Workspace:
    return limited(request, request.app.state.workspace)


def _actor(request: Request) -> str:
    return str(getattr(request.state, "actor", "api"))


#: The process's own user, and anybody where sign-in is off.
_WHOLE = frozenset({"open", "secret"})


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
Who = Annotated[Identity, Depends(identity_of)]
Paged = Annotated[Page, Depends()]
Since = Annotated[Moment | None, Query(description="event time from which, included")]
Until = Annotated[Moment | None, Query(description="event time until which, excluded")]
