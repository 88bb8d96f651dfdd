"""Channels: how they are doing, a test, what was delivered; and the chart of an alert as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from service import alert_views
from service.api.common import Actor, InWorkspace

router = APIRouter()

Of = Annotated[str | None, Query()]


@router.get("/channels")
def channels(workspace: InWorkspace) -> Sequence[alert_views.ChannelView]:
    """List the declared channels: what they are told, how their messages are doing, when the next digest is due."""
    return workspace.channels()


@router.post("/channels/{channel}/test")
def test_channel(channel: str, workspace: InWorkspace, actor: Actor) -> alert_views.ChannelTest:
    """Send a test message, now; a failed one says why in `error`."""
    return workspace.test_channel(channel, actor=actor)


@router.get("/deliveries")
def deliveries(
    workspace: InWorkspace,
    alert_id: Of = None,
    channel: Of = None,
    state: Literal["waiting", "sent", "failed"] | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> Sequence[alert_views.DeliveryView]:
    """List messages with every attempt, the latest first."""
    return workspace.deliveries(alert_id=alert_id, channel=channel, state=state, limit=limit)


@router.post("/deliveries/{delivery_id:path}/send")
def redeliver(delivery_id: str, workspace: InWorkspace, actor: Actor) -> alert_views.DeliveryView:
    """Send a message that was given up once more, under its own key; 409 for one that was not."""
    return workspace.redeliver(delivery_id, actor=actor)


@router.get(
    "/alerts/{alert_id}/picture.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "The chart of what the alert is about."}},
)
def picture(alert_id: str, workspace: InWorkspace) -> Response:
    """Draw the chart of what an alert is about; 404 where there is nothing to draw, as of a job."""
    return Response(workspace.alert_picture(alert_id), media_type="image/png", headers={"cache-control": "no-store"})
