"""For the fake workspace: who may do what: users, tokens, roles. All numbers are INVENTED TEST DATA."""

from __future__ import annotations


class FakeAccess:
    """Answers of :class:`service.access.Access`."""
