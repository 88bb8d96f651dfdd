"""What a local workspace knows of reports to keep and to send: of a model or window, and the week in one page: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.local.core import Core


class LocalReporting:
    """See :class:`service.reporting.Reporting`."""

    core: Core
