"""What a workspace that another process serves knows of reports to keep and to send: of a model or window, and the week in one page."""

from __future__ import annotations

from service.remote_calls import RemoteCalls


class RemoteReporting(RemoteCalls):
    """See :class:`service.reporting.Reporting`."""
