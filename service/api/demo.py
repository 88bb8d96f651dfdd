"""The demo's player over HTTP; in a process that serves no demo there is none."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from service import context, roles
from service.api.common import Moment, Who
from service.views import DemoView
from service.workspace import NotFoundError

router = APIRouter(prefix="/demo", include_in_schema=False)


class PlayBody(BaseModel):
    """The day until which the year is played."""

    model_config = ConfigDict(extra="forbid")

    until: Moment


def _player() -> context.DemoPlayer:
    player = context.demo()
    if player is None:
        raise NotFoundError("this process serves no demo; start one with `driftdeck demo`")
    return player


@router.get("")
def state(who: Who) -> DemoView:
    """Return where the demo's clock stands."""
    roles.demand(who, "read", "looking at the demo's clock")
    return _player().state()


@router.post("/play", status_code=202)
def play(body: PlayBody, who: Who) -> DemoView:
    """Play on until a day."""
    roles.demand_everywhere(who, "act", "playing the demo on")
    player = _player()
    player.play(body.until.isoformat())
    return player.state()
