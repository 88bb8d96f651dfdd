"""What a workspace that another process serves knows of from a file of rows to a monitored model."""

from __future__ import annotations

from service.remote_calls import RemoteCalls


class RemoteSettingUp(RemoteCalls):
    """See :class:`service.setting_up.SettingUp`."""
