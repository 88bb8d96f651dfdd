"""Alerts, rules, channels, runs and declarations of the local workspace: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.local import editing, owners

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service import alert_views
    from service.local.core import Core


class LocalAlerting:
    """What a local workspace does about alerts (:class:`service.alerting.Alerting`)."""

    core: Core

    # -- declarations ----------------------------------------------------------------------------------------------
    def declared(self) -> list[alert_views.DeclaredObject]:
        return owners.declared(self.core)

    def edit(
        self, kind: str, name: str, changes: Mapping[str, Any], *, take_over: bool = False, actor: str = "cli"
    ) -> alert_views.DeclaredObject:
        return editing.edit(self.core, kind, name, changes, take_over=take_over, actor=actor)

    def remove(self, kind: str, name: str, *, take_over: bool = False, actor: str = "cli") -> None:
        editing.remove(self.core, kind, name, take_over=take_over, actor=actor)
