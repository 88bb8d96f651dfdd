"""Feeds that readers subscribe to: alerts as JSON Feed and Atom, the schedule as a calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from service.api.common import InWorkspace
from service.calendar_feed import calendar
from service.feeds import Feed, as_atom, as_json, feed
from service.workspace import Workspace

router = APIRouter(tags=["feeds"], prefix="/feeds")

Model = Annotated[str | None, Query(description="of this model only")]
Severities = Annotated[list[Literal["notice", "warning", "page"]] | None, Query(description="these only; repeatable")]
Days = Annotated[int, Query(ge=1, le=92, description="how far it reaches")]


@router.get("/alerts.json", response_class=Response, responses={200: {"content": {"application/feed+json": {}}}})
def alerts_json(request: Request, workspace: InWorkspace, model: Model = None, severity: Severities = None) -> Response:
    """Subscribe to alerts (JSON Feed 1.1); an entry changes with its alert and keeps its id."""
    found = _feed(request, workspace, model, severity)
    return _answer(request, as_json(found), "application/feed+json", found.changed)


@router.get("/alerts.atom", response_class=Response, responses={200: {"content": {"application/atom+xml": {}}}})
def alerts_atom(request: Request, workspace: InWorkspace, model: Model = None, severity: Severities = None) -> Response:
    """Subscribe to alerts (Atom); an entry changes with its alert and keeps its id."""
    found = _feed(request, workspace, model, severity)
    return _answer(request, as_atom(found), "application/atom+xml; charset=utf-8", found.changed)


@router.get("/schedule.ics", response_class=Response, responses={200: {"content": {"text/calendar": {}}}})
def schedule(request: Request, workspace: InWorkspace, days: Days = 14) -> Response:
    """Subscribe to what happens by itself (iCalendar): runs, sources, digests, maintenance."""
    now = datetime.fromisoformat(str(workspace.health()["now"]))
    body = calendar(workspace.schedule(), workspace.declared(), now, horizon=timedelta(days=days))
    return _answer(request, body, "text/calendar; charset=utf-8", None)


def _feed(request: Request, workspace: Workspace, model: str | None, severities: Sequence[str] | None) -> Feed:
    alerts = [alert for alert in workspace.alerts(model) if not severities or alert["severity"] in severities]
    declared = request.app.state.public_url
    site = (declared or f"{request.url.scheme}://{request.url.netloc}").rstrip("/")
    query = f"?{request.url.query}" if request.url.query else ""
    about = "".join((f" of {model}" if model else "", f" ({', '.join(severities)})" if severities else ""))
    return feed(alerts, site, f"{site}{request.url.path}{query}", about)


def _answer(request: Request, body: bytes, kind: str, changed: datetime | None) -> Response:
    """Return the body, or 304 to a reader that has it: by its tag, or, without one, by when it was changed."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if changed is not None:
        headers["last-modified"] = format_datetime(changed.astimezone(UTC).replace(microsecond=0), usegmt=True)
    known, since = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
    if known is not None:
        same = known.strip() == "*" or tag in {each.strip().removeprefix("W/") for each in known.split(",")}
    else:
        same = changed is not None and since is not None and _not_after(changed, since)
    if same:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=kind)


def _not_after(changed: datetime, since: str) -> bool:
    try:
        return changed.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False
