"""What a workspace knows of who may do what: users, tokens, roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from service.access_views import NewToken, TokenView, UserView
    from service.identity import Role, Scope


class Access(Protocol):
    """Users and tokens. Every change is audited with its actor, and counts at once: open pages included."""

    def users(self) -> list[UserView]:
        """Return every user by name."""
        ...

    def add_user(self, name: str, *, role: Role, password: str, actor: str = "cli") -> UserView:
        """Add a user who signs in with a password. Raises for a name that is taken or odd, and for a password that is too short."""
        ...

    def set_user(
        self,
        name: str,
        *,
        role: Role | None = None,
        password: str | None = None,
        disabled: bool | None = None,
        actor: str = "cli",
    ) -> UserView:
        """Change what is given of a user; a new password, or being disabled, ends their sessions.

        Raises :class:`ConflictError` where nobody who may make users would be left.
        """
        ...

    def remove_user(self, name: str, *, actor: str = "cli") -> None:
        """Remove a user and end their sessions; tokens that they made go on."""
        ...

    def tokens(self) -> list[TokenView]:
        """Return every token by name, those that are over too."""
        ...

    def create_token(
        self,
        name: str,
        *,
        scopes: Sequence[Scope],
        models: Sequence[str] | None = None,
        days: int | None = None,
        actor: str = "cli",
    ) -> NewToken:
        """Make a token for ``models`` (None: all) that ends after ``days`` (None: never), and return its secret, this once."""
        ...

    def revoke_token(self, name: str, *, actor: str = "cli") -> TokenView:
        """Make a token worthless, for good."""
        ...
