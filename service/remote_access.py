"""What a workspace that another process serves knows of who may do what: users, tokens, roles."""

from __future__ import annotations

from service.remote_calls import RemoteCalls


class RemoteAccess(RemoteCalls):
    """See :class:`service.access.Access`."""
