"""Channels of a workspace that another process serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.remote_calls import RemoteCalls, part

if TYPE_CHECKING:
    from service import alert_views


class RemoteChannels(RemoteCalls):
    """What a remote workspace does about channels and what is delivered by them."""

    def channels(self) -> list[alert_views.ChannelView]:
        return cast("list[alert_views.ChannelView]", self._call("GET", "/channels").json())

    def test_channel(self, name: str, *, actor: str = "cli") -> alert_views.ChannelTest:
        del actor  # the owner knows who calls
        answer = self._call("POST", f"/channels/{part(name)}/test", timeout=_PATIENCE)
        return cast("alert_views.ChannelTest", answer.json())

    def deliveries(
        self, *, alert_id: str | None = None, channel: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[alert_views.DeliveryView]:
        asked = {"alert_id": alert_id, "channel": channel, "state": state, "limit": limit}
        query = {name: value for name, value in asked.items() if value is not None}
        return cast("list[alert_views.DeliveryView]", self._call("GET", "/deliveries", params=query).json())

    def redeliver(self, delivery_id: str, *, actor: str = "cli") -> alert_views.DeliveryView:
        del actor
        answer = self._call("POST", f"/deliveries/{part(delivery_id)}/send", timeout=_PATIENCE)
        return cast("alert_views.DeliveryView", answer.json())

    def alert_picture(self, alert_id: str) -> bytes:
        return self._call("GET", f"/alerts/{part(alert_id)}/picture.png", timeout=_PATIENCE).content


_PATIENCE = 90.0  # seconds: a receiver may take its time
