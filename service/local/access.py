"""What a local workspace knows of who may do what: users, tokens, roles: one method each, answered by the module it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from service.local import accounts

if TYPE_CHECKING:
    from service.access_views import NewToken, TokenView, UserView
    from service.identity import Role, Scope
    from service.local.core import Core


class LocalAccess:
    """See :class:`service.access.Access`."""

    core: Core

    def users(self) -> list[UserView]:
        return accounts.users(self.core)

    def add_user(self, name: str, *, role: Role, password: str, actor: str = "cli") -> UserView:
        return accounts.add_user(self.core, name, role, password, actor)

    def set_user(
        self,
        name: str,
        *,
        role: Role | None = None,
        password: str | None = None,
        disabled: bool | None = None,
        actor: str = "cli",
    ) -> UserView:
        return accounts.set_user(self.core, name, role=role, password=password, disabled=disabled, actor=actor)

    def remove_user(self, name: str, *, actor: str = "cli") -> None:
        accounts.remove_user(self.core, name, actor)

    def tokens(self) -> list[TokenView]:
        return accounts.tokens(self.core)

    def create_token(
        self,
        name: str,
        *,
        scopes: Sequence[Scope],
        models: Sequence[str] | None = None,
        days: int | None = None,
        actor: str = "cli",
    ) -> NewToken:
        return accounts.create_token(self.core, name, scopes, models, days, actor)

    def revoke_token(self, name: str, *, actor: str = "cli") -> TokenView:
        return accounts.revoke_token(self.core, name, actor)
