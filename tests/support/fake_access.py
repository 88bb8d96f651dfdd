"""For the fake workspace: who may do what: users, tokens, roles. All of it is INVENTED TEST DATA."""

from __future__ import annotations

from collections.abc import Sequence

from service.access_views import NewToken, TokenView, UserView
from service.identity import Role, Scope
from service.workspace import ConflictError, NotFoundError

_MADE = "2013-06-01T08:00:00+00:00"


class FakeAccess:
    """Answers of :class:`service.access.Access`."""

    def _users(self) -> dict[str, UserView]:
        known: dict[str, UserView] = self.__dict__.setdefault("_fake_users", {})
        if not known:
            for name, role in (("ada", "admin"), ("ola", "operator"), ("<script>alert(1)</script>", "viewer")):
                known[name] = _user(name, role)  # type: ignore[arg-type]
            known["ada"]["seen_at"], known["ada"]["sessions"] = "2013-06-04T07:30:00+00:00", 2
            known["ola"]["disabled"] = True
        return known

    def _tokens(self) -> dict[str, TokenView]:
        known: dict[str, TokenView] = self.__dict__.setdefault("_fake_tokens", {})
        if not known:
            known["nightly"] = _token("nightly", ["log"], ["air_time"])
            known["grafana"] = _token("grafana", ["read"], None)
            known["old"] = {
                **_token("old", ["admin"], None),
                "state": "revoked",
                "revoked_at": _MADE,
                "revoked_by": "ada",
            }
        return known

    def users(self) -> list[UserView]:
        return list(self._users().values())

    def add_user(self, name: str, *, role: Role, password: str, actor: str = "cli") -> UserView:
        del password, actor
        if name in self._users():
            raise ConflictError(f"there is a user {name!r} already")
        self._users()[name] = _user(name, role)
        return self._users()[name]

    def set_user(
        self,
        name: str,
        *,
        role: Role | None = None,
        password: str | None = None,
        disabled: bool | None = None,
        actor: str = "cli",
    ) -> UserView:
        del password, actor
        view = self._users()[name]
        view["role"] = role or view["role"]
        view["disabled"] = view["disabled"] if disabled is None else disabled
        return view

    def remove_user(self, name: str, *, actor: str = "cli") -> None:
        del actor
        if self._users().pop(name, None) is None:
            raise NotFoundError(f"there is no user {name!r}")

    def tokens(self) -> list[TokenView]:
        return list(self._tokens().values())

    def create_token(
        self,
        name: str,
        *,
        scopes: Sequence[Scope],
        models: Sequence[str] | None = None,
        days: int | None = None,
        actor: str = "cli",
    ) -> NewToken:
        del days, actor
        self._tokens()[name] = _token(name, list(scopes), None if models is None else list(models))
        return {"token": self._tokens()[name], "secret": "drift_shown-once"}

    def revoke_token(self, name: str, *, actor: str = "cli") -> TokenView:
        view = self._tokens()[name]
        view["state"], view["revoked_at"], view["revoked_by"] = "revoked", _MADE, actor
        return view


def _user(name: str, role: Role) -> UserView:
    return {
        "name": name,
        "role": role,
        "signs_in": "password",
        "disabled": False,
        "sessions": 0,
        "created_at": _MADE,
        "created_by": "cli",
        "changed_at": _MADE,
        "seen_at": None,
    }


def _token(name: str, scopes: list[Scope], models: list[str] | None) -> TokenView:
    return {
        "name": name,
        "scopes": scopes,
        "models": models,
        "state": "active",
        "created_at": _MADE,
        "created_by": "ada",
        "expires_at": None,
        "used_at": None,
        "revoked_at": None,
        "revoked_by": None,
    }
