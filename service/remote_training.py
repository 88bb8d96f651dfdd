"""Studies, triggers, lineage, models taken in and given out of a workspace that another process serves."""

from __future__ import annotations

from service.remote_calls import RemoteCalls


class RemoteTraining(RemoteCalls):
    """What a remote workspace knows of training (:class:`service.training.Training`)."""
