"""Channels of the local workspace, answered by the module each method names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.local import channels

if TYPE_CHECKING:
    from service import alert_views
    from service.local.core import Core


class LocalChannels:
    """What a local workspace does about channels and what is delivered by them."""

    core: Core

    def channels(self) -> list[alert_views.ChannelView]:
        return channels.channels(self.core)

    def test_channel(self, name: str, *, actor: str = "cli") -> alert_views.ChannelTest:
        return channels.test_channel(self.core, name, actor)

    def deliveries(
        self, *, alert_id: str | None = None, channel: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[alert_views.DeliveryView]:
        return channels.deliveries(self.core, alert_id, channel, state, limit)

    def redeliver(self, delivery_id: str, *, actor: str = "cli") -> alert_views.DeliveryView:
        return channels.redeliver(self.core, delivery_id, actor)

    def alert_picture(self, alert_id: str) -> bytes:
        from service.local.pictures import alert_picture

        return alert_picture(self.core, alert_id)
