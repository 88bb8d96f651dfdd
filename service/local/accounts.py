"""Users and tokens of a home: made, changed, taken away, each time with a line in the audit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from service import passwords
from service.identity import ROLES, SCOPES
from service.sign_in import TOKEN_PREFIX
from service.user_names import folded, user_name
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from storage.errors import AlreadyExistsError

if TYPE_CHECKING:
    from service.access_views import NewToken, TokenView, UserView
    from service.identity import Role, Scope
    from service.local.core import Core
    from storage.control_access import Account, Token

_TOKEN_NAME = re.compile(r"[^\W_][\w.-]{0,59}")
_LONGEST_LIFE = 3650  # days


# -- users -------------------------------------------------------------------------------------------------------------
def users(core: Core) -> list[UserView]:
    """Return every user by name."""
    return [_user(account) for account in core.control.accounts()]


def add_user(core: Core, name: str, role: str, password: str, actor: str) -> UserView:
    """Add a user who signs in with a password."""
    name = user_name(name)
    _one_of("role", role, ROLES)
    kept = passwords.hashed(passwords.accepted(password, name))
    now = core.system_now()
    try:
        core.control.add_account(name, folded(name), role, now, actor, password=kept)
    except AlreadyExistsError as error:
        raise ConflictError(f"{error}; change it with `driftdeck user set {name}`") from None
    _told(core, actor, "add user", name, {"role": role})
    return _user(_account(core, name))


def set_user(
    core: Core, name: str, *, role: str | None, password: str | None, disabled: bool | None, actor: str
) -> UserView:
    """Change what is given of a user."""
    account = _account(core, name)
    if role is not None:
        _one_of("role", role, ROLES)
    if password is not None and account.password is None:
        raise ConflictError(f"{account.name} signs in at the provider and has no password here")
    if role not in (None, "admin") or disabled:
        _keep_an_admin(core, account)
    kept = None if password is None else passwords.hashed(passwords.accepted(password, account.name))
    ended = core.control.change_account(account.id, core.system_now(), role=role, password=kept, disabled=disabled)
    changes: dict[str, Any] = {"role": role, "disabled": disabled, "password": "changed" if kept else None}
    detail = {key: value for key, value in changes.items() if value is not None}
    _told(core, actor, "change user", account.name, detail | ({"sessions_ended": ended} if ended else {}))
    return _user(_account(core, name))


def remove_user(core: Core, name: str, actor: str) -> None:
    """Remove a user and end their sessions."""
    account = _account(core, name)
    if len(core.control.accounts()) > 1:  # the last one may go: then there is nobody to be shut out
        _keep_an_admin(core, account)
    core.control.remove_account(account.id)
    _told(core, actor, "remove user", account.name, {"role": account.role})


def _keep_an_admin(core: Core, account: Account) -> None:
    admins = [each.id for each in core.control.accounts() if each.role == "admin" and not each.disabled]
    if admins == [account.id]:
        raise ConflictError(
            f"{account.name} is the only admin: make another first (driftdeck user add NAME --role admin)"
        )


def _account(core: Core, name: str) -> Account:
    found = core.control.account(folded(name))
    if found is None:
        known = ", ".join(each.name for each in core.control.accounts()) or "nobody yet; driftdeck user add NAME"
        raise NotFoundError(f"there is no user {name[:80]!r}; there is: {known}")
    return found


def _user(account: Account) -> UserView:
    return {
        "name": account.name,
        "role": cast("Role", account.role),
        "signs_in": "provider" if account.password is None else "password",
        "disabled": account.disabled,
        "sessions": account.sessions,
        "created_at": _text(account.created_at),
        "created_by": account.created_by,
        "changed_at": _text(account.changed_at),
        "seen_at": _text_or_none(account.seen_at),
    }


# -- tokens ------------------------------------------------------------------------------------------------------------
def tokens(core: Core) -> list[TokenView]:
    """Return every token by name."""
    return [_token(core, token) for token in core.control.tokens()]


def create_token(
    core: Core, name: str, scopes: Sequence[str], models: Sequence[str] | None, days: int | None, actor: str
) -> NewToken:
    """Make a token and return its secret, of which the digest alone is kept."""
    name = name.strip()
    if not _TOKEN_NAME.fullmatch(name):
        raise WorkspaceError(
            f"{name[:80]!r} cannot be a token's name: write up to 60 letters, digits, dots, dashes, underscores"
        )
    for scope in scopes:
        _one_of("scope", scope, SCOPES)
    if not scopes:
        raise WorkspaceError(f"a token needs at least one scope: {', '.join(SCOPES)}")
    for model in models or ():
        core.record(model)  # raises for one that does not exist
    if models is not None and (not models or "admin" in scopes):
        raise WorkspaceError(
            "name at least one model" if not models else "the scope admin is about every model: leave the models out"
        )
    if days is not None and not 1 <= days <= _LONGEST_LIFE:
        raise WorkspaceError(
            f"a token lives from 1 to {_LONGEST_LIFE} days, not {days}; left out, it does not end by itself"
        )
    now, secret = core.system_now(), TOKEN_PREFIX + passwords.secret()
    ends = None if days is None else now + timedelta(days=days)
    ordered = [scope for scope in SCOPES if scope in scopes]
    seen = None if models is None else sorted(set(models))
    try:
        core.control.add_token(name, passwords.digest(secret), ordered, seen, ends, now, actor)
    except AlreadyExistsError as error:
        raise ConflictError(str(error)) from None
    detail = {"scopes": ordered, "models": seen, "expires_at": _text_or_none(ends)}
    _told(core, actor, "create token", name, detail)
    return {"token": _token(core, _kept(core, name)), "secret": secret}


def revoke_token(core: Core, name: str, actor: str) -> TokenView:
    """Make a token worthless; one that is so already stays as it was."""
    token = _kept(core, name.strip())
    if token.revoked_at is None:
        core.control.revoke_token(token.id, core.system_now(), actor)
        _told(core, actor, "revoke token", token.name, {})
    return _token(core, _kept(core, token.name))


def _kept(core: Core, name: str) -> Token:
    found = core.control.token(name)
    if found is None:
        known = ", ".join(token.name for token in core.control.tokens()) or "none yet; driftdeck token create NAME"
        raise NotFoundError(f"there is no token {name[:80]!r}; there is: {known}")
    return found


def _token(core: Core, token: Token) -> TokenView:
    over = token.expires_at is not None and core.system_now() >= token.expires_at
    return {
        "name": token.name,
        "scopes": cast("list[Scope]", list(token.scopes)),
        "models": None if token.models is None else list(token.models),
        "state": "revoked" if token.revoked_at is not None else "expired" if over else "active",
        "created_at": _text(token.created_at),
        "created_by": token.created_by,
        "expires_at": _text_or_none(token.expires_at),
        "used_at": _text_or_none(token.used_at),
        "revoked_at": _text_or_none(token.revoked_at),
        "revoked_by": token.revoked_by,
    }


def _one_of(what: str, given: str, allowed: Sequence[str]) -> None:
    if given not in allowed:
        raise WorkspaceError(f"{given[:80]!r} is no {what}; write one of {', '.join(allowed)}")


def _told(core: Core, actor: str, action: str, obj: str, detail: Mapping[str, Any]) -> None:
    core.control.append_audit(actor, action, obj, detail, "workspace", core.now())


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _text_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else _text(moment)
