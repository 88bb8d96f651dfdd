"""Who calls: a name, a role, and for a token what it is limited to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "operator", "admin"]
Scope = Literal["read", "log", "act", "admin"]
#: From the least to the most: each may do what those before it may.
ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: tuple[Scope, ...] = get_args(Scope)
#: The least role whose users make calls of a scope.
NEEDS: dict[Scope, Role] = {"read": "viewer", "log": "operator", "act": "operator", "admin": "admin"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls. ``models`` None: all of them; ``how``: by which means it is known (open, secret, token, session, …).

    ``key`` is what the identity hangs on (a session's or a token's number), so that it can be asked for again.
    """

    name: str
    role: Role
    scopes: frozenset[Scope] = frozenset(SCOPES)
    models: frozenset[str] | None = None
    how: str = "open"
    key: int | None = None

    def may(self, role: Role) -> bool:
        """Say whether this role is at least ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def has(self, scope: Scope) -> bool:
        """Say whether a call of this scope is allowed: by the token's scopes, and by the role that it needs."""
        return scope in self.scopes and self.may(NEEDS[scope])

    def sees(self, model: str) -> bool:
        """Say whether a model is among those that it is limited to."""
        return self.models is None or model in self.models

    @property
    def whole(self) -> bool:
        """Say whether nothing at all is kept from it."""
        return self.role == "admin" and self.models is None and len(self.scopes) == len(SCOPES)


#: Who acts where sign-in is off: whoever can reach the process.
OPEN = Identity("dashboard", "admin")
