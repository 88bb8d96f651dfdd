"""Alerts, rules, channels, runs and declarations of a workspace that another process serves."""

from __future__ import annotations

from service.remote_calls import RemoteCalls


class RemoteAlerting(RemoteCalls):
    """What a remote workspace does about alerts (:class:`service.alerting.Alerting`)."""
