"""For the fake workspace: from a file of rows to a monitored model. All numbers are INVENTED TEST DATA."""

from __future__ import annotations


class FakeSettingUp:
    """Answers of :class:`service.setting_up.SettingUp`."""
