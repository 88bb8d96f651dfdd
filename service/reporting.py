"""What a workspace knows of reports to keep and to send: of a model or window, and the week in one page."""

from __future__ import annotations

from typing import Protocol


class Reporting(Protocol):
    """Reports of a model or a window, and the week in one page."""
