"""What a local workspace knows of from a file of rows to a monitored model: one method each, answered by the module it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.local.core import Core


class LocalSettingUp:
    """See :class:`service.setting_up.SettingUp`."""

    core: Core
