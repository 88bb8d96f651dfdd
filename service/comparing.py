"""What a workspace knows of any two windows, versions or files held against each other."""

from __future__ import annotations

from typing import Protocol


class Comparing(Protocol):
    """Any two windows, versions or files held against each other."""
