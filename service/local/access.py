"""What a local workspace knows of who may do what: users, tokens, roles: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.local.core import Core


class LocalAccess:
    """See :class:`service.access.Access`."""

    core: Core
