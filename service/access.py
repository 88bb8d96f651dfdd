"""What a workspace knows of who may do what: users, tokens, roles."""

from __future__ import annotations

from typing import Protocol


class Access(Protocol):
    """What a person or a program may do, and who they are."""
