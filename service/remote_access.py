"""What a workspace that another process serves knows of who may do what: users, tokens, roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from service.remote_calls import RemoteCalls, part

if TYPE_CHECKING:
    from service.access_views import NewToken, TokenView, UserView
    from service.identity import Role, Scope


class RemoteAccess(RemoteCalls):
    """See :class:`service.access.Access`. The owner knows who calls, so no actor is sent."""

    def users(self) -> list[UserView]:
        return cast("list[UserView]", self._call("GET", "/users").json())

    def add_user(self, name: str, *, role: Role, password: str, actor: str = "cli") -> UserView:
        del actor
        body = {"name": name, "role": role, "password": password}
        return cast("UserView", self._call("POST", "/users", json=body).json())

    def set_user(
        self,
        name: str,
        *,
        role: Role | None = None,
        password: str | None = None,
        disabled: bool | None = None,
        actor: str = "cli",
    ) -> UserView:
        del actor
        body = {"role": role, "password": password, "disabled": disabled}
        given = {key: value for key, value in body.items() if value is not None}
        return cast("UserView", self._call("PATCH", f"/users/{part(name)}", json=given).json())

    def remove_user(self, name: str, *, actor: str = "cli") -> None:
        del actor
        self._call("DELETE", f"/users/{part(name)}")

    def tokens(self) -> list[TokenView]:
        return cast("list[TokenView]", self._call("GET", "/tokens").json())

    def create_token(
        self,
        name: str,
        *,
        scopes: Sequence[Scope],
        models: Sequence[str] | None = None,
        days: int | None = None,
        actor: str = "cli",
    ) -> NewToken:
        del actor
        body = {"name": name, "scopes": list(scopes), "models": None if models is None else list(models), "days": days}
        return cast("NewToken", self._call("POST", "/tokens", json=body).json())

    def revoke_token(self, name: str, *, actor: str = "cli") -> TokenView:
        del actor
        return cast("TokenView", self._call("DELETE", f"/tokens/{part(name)}").json())
