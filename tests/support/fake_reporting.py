"""For the fake workspace: reports to keep and to send: of a model or window, and the week in one page. All numbers are INVENTED TEST DATA."""

from __future__ import annotations


class FakeReporting:
    """Answers of :class:`service.reporting.Reporting`."""
