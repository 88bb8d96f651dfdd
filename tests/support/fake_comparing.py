"""For the fake workspace: any two windows, versions or files held against each other. All numbers are INVENTED TEST DATA."""

from __future__ import annotations


class FakeComparing:
    """Answers of :class:`service.comparing.Comparing`."""
