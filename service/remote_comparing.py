"""What a workspace that another process serves knows of any two windows, versions or files held against each other."""

from __future__ import annotations

from service.remote_calls import RemoteCalls


class RemoteComparing(RemoteCalls):
    """See :class:`service.comparing.Comparing`."""
