"""Over HTTP: who may do what: users, tokens, roles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from service.access_views import NewToken, TokenView, UserView, WhoView
from service.api.common import Actor, InWorkspace, Who
from service.identity import SCOPES, Role, Scope

router = APIRouter(tags=["access"])

Name = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[SecretStr, Field(max_length=1000)]
_NO_STORE = {"cache-control": "no-store"}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UserBody(_Body):
    """A user who signs in with a password."""

    name: Name
    role: Role
    password: Password


class UserChange(_Body):
    """What is to change of a user; what is left out stays."""

    role: Role | None = None
    password: Password | None = None
    disabled: bool | None = None


class TokenBody(_Body):
    """What a program's token opens, which models (left out: all), and how many days it lives (left out: until it is revoked)."""

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=len(SCOPES))
    models: list[str] | None = Field(None, max_length=1000)
    days: int | None = Field(None, ge=1, le=3650)


@router.get("/me")
def me(who: Who) -> WhoView:
    """Say who calls, and what they may do: `how` is open where sign-in is off."""
    return {
        "name": who.name,
        "role": who.role,
        "scopes": [scope for scope in SCOPES if who.has(scope)],
        "models": None if who.models is None else sorted(who.models),
        "how": who.how,
    }


@router.get("/users")
def users(workspace: InWorkspace) -> list[UserView]:
    """List users."""
    return workspace.users()


@router.post("/users", status_code=201)
def add_user(body: UserBody, workspace: InWorkspace, actor: Actor) -> UserView:
    """Add a user who signs in with a password."""
    return workspace.add_user(body.name, role=body.role, password=body.password.get_secret_value(), actor=actor)


@router.patch("/users/{name}")
def set_user(name: str, body: UserChange, workspace: InWorkspace, actor: Actor) -> UserView:
    """Change a user; a new password, or being disabled, ends their sessions."""
    password = None if body.password is None else body.password.get_secret_value()
    return workspace.set_user(name, role=body.role, password=password, disabled=body.disabled, actor=actor)


@router.delete("/users/{name}", status_code=204)
def remove_user(name: str, workspace: InWorkspace, actor: Actor) -> None:
    """Remove a user and end their sessions."""
    workspace.remove_user(name, actor=actor)


@router.get("/tokens")
def tokens(workspace: InWorkspace) -> list[TokenView]:
    """List tokens, without their secrets."""
    return workspace.tokens()


@router.post("/tokens", status_code=201)
def create_token(body: TokenBody, workspace: InWorkspace, actor: Actor, response: Response) -> NewToken:
    """Make a token for a program. Its secret is in this answer and nowhere else."""
    response.headers.update(_NO_STORE)
    return workspace.create_token(body.name, scopes=body.scopes, models=body.models, days=body.days, actor=actor)


@router.delete("/tokens/{name}")
def revoke_token(name: str, workspace: InWorkspace, actor: Actor) -> TokenView:
    """Make a token worthless, for good."""
    return workspace.revoke_token(name, actor=actor)
