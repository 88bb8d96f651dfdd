"""What a local workspace knows of any two windows, versions or files held against each other: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.local.core import Core


class LocalComparing:
    """See :class:`service.comparing.Comparing`."""

    core: Core
