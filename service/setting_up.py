"""What a workspace knows of from a file of rows to a monitored model."""

from __future__ import annotations

from typing import Protocol


class SettingUp(Protocol):
    """From a file of rows to a monitored model."""
