"""Users and tokens, as the API tells of them. No secret is among it but the one of a token that was made just now."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from service.identity import Role, Scope


class UserView(TypedDict):
    """A user. ``signs_in``: with a password kept here, or at the OpenID Connect provider."""

    name: str
    role: Role
    signs_in: Literal["password", "provider"]
    disabled: bool
    sessions: int  # browsers that are signed in
    created_at: str
    created_by: str
    changed_at: str
    seen_at: str | None


class TokenView(TypedDict):
    """A program's token. ``models`` None: all of them; ``state``: active | expired | revoked."""

    name: str
    scopes: list[Scope]
    models: list[str] | None
    state: Literal["active", "expired", "revoked"]
    created_at: str
    created_by: str
    expires_at: str | None
    used_at: str | None  # within five minutes
    revoked_at: str | None
    revoked_by: str | None


class NewToken(TypedDict):
    """A token that was made just now, and its secret, which is shown this once."""

    token: TokenView
    secret: str


class WhoView(TypedDict):
    """Who calls: a user, a token, the command line, or whoever can reach a process where sign-in is off (``how`` open)."""

    name: str
    role: Role
    scopes: list[Scope]
    models: list[str] | None
    how: str
