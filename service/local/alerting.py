"""Alerts, rules, channels, runs and declarations of the local workspace: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.local.core import Core


class LocalAlerting:
    """What a local workspace does about alerts (:class:`service.alerting.Alerting`)."""

    core: Core
