"""``user`` and ``token``: who may do what. Passwords are asked for, or read from standard input; never an argument, which others can see."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.session import Session, command, table

if TYPE_CHECKING:
    from service.access_views import TokenView, UserView


class RoleName(StrEnum):
    """What users may be."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class ScopeName(StrEnum):
    """What tokens may open."""

    READ = "read"
    LOG = "log"
    ACT = "act"
    ADMIN = "admin"


UserName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]
TokenName = Annotated[str, typer.Argument(metavar="NAME", help="What the token is called.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
_USERS = {
    "name": "user",
    "role": "role",
    "state": "state",
    "signs_in": "signs in by",
    "sessions": "signed in",
    "seen_at": "last seen",
    "created_by": "made by",
}
_TOKENS = {
    "name": "token",
    "state": "state",
    "scopes": "scopes",
    "models": "models",
    "used_at": "last used",
    "expires_at": "ends",
    "created_by": "made by",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    users = typer.Typer(help="Users: who may sign in, and as what.", no_args_is_help=True)
    command(users, "add")(add_user)
    command(users, "list")(list_users)
    command(users, "set")(set_user)
    command(users, "remove")(remove_user)
    app.add_typer(users, name="user")
    tokens = typer.Typer(help="Tokens: what programs show to be let in.", no_args_is_help=True)
    command(tokens, "create")(create_token)
    command(tokens, "list")(list_tokens)
    command(tokens, "revoke")(revoke_token)
    app.add_typer(tokens, name="token")


# -- users -------------------------------------------------------------------------------------------------------------
def add_user(
    session: Session,
    name: UserName,
    role: Annotated[RoleName, typer.Option("--role", help="viewer reads, operator acts, admin does all.")],
    password_stdin: PasswordStdin = False,  # noqa: FBT002
) -> None:
    """Add a user who signs in with a password."""
    password = _password(stdin=password_stdin)
    with session.workspace() as workspace:
        view = workspace.add_user(name, role=role.value, password=password)
    session.show(view, lambda: f"{view['name']} may sign in as {view['role']}")


def list_users(session: Session) -> None:
    """List users."""
    with session.workspace() as workspace:
        found = workspace.users()
    session.show(found, lambda: table([_user(view) for view in found], _USERS, "no users yet; driftdeck user add NAME"))


def set_user(
    session: Session,
    name: UserName,
    role: Annotated[RoleName | None, typer.Option("--role", help="Their role from now on.")] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,  # noqa: FBT002
    password_stdin: PasswordStdin = False,  # noqa: FBT002
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Shut them out, or let them in again.")
    ] = None,
) -> None:
    """Change a user; a new password, or being disabled, ends their sessions."""
    if role is None and disabled is None and not (password or password_stdin):
        raise typer.BadParameter("say what is to change: --role, --password, --password-stdin, --disable or --enable")
    new = _password(stdin=password_stdin) if password or password_stdin else None
    with session.workspace() as workspace:
        view = workspace.set_user(name, role=role.value if role else None, password=new, disabled=disabled)
    session.show(view, lambda: table([_user(view)], _USERS, ""))


def remove_user(session: Session, name: UserName) -> None:
    """Remove a user and end their sessions; tokens that they made go on."""
    with session.workspace() as workspace:
        made = [
            token["name"] for token in workspace.tokens() if token["created_by"] == name and token["state"] == "active"
        ]
        workspace.remove_user(name)
    if made:
        session.say(
            f"tokens that {name} made go on: {', '.join(made)}; take one away with `driftdeck token revoke NAME`"
        )
    session.show({"removed": name, "tokens": made}, lambda: f"{name} is removed")


def _user(view: UserView) -> dict[str, Any]:
    return {**view, "state": "disabled" if view["disabled"] else "active"}


def _password(*, stdin: bool) -> str:
    """Return a password, from the terminal without showing it, or from standard input."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask for the password: use --password-stdin")
    given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return given


# -- tokens ------------------------------------------------------------------------------------------------------------
def create_token(
    session: Session,
    name: TokenName,
    scopes: Annotated[
        list[ScopeName], typer.Option("--scope", help="read, log, act or admin; repeatable.", show_default=False)
    ],
    models: Annotated[
        list[str] | None, typer.Option("--model", metavar="MODEL", help="Only this model; repeatable. Left out: all.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="How long it lives. Left out: until revoked.")
    ] = None,
) -> None:
    """Make a token for a program. Its secret is printed once and kept nowhere."""
    with session.workspace() as workspace:
        made = workspace.create_token(name, scopes=[scope.value for scope in scopes], models=models or None, days=days)
    session.say(f"{name}: keep it where the program finds it, such as DRIFTDECK_TOKEN; it is not shown again")
    session.show(made, lambda: made["secret"])


def list_tokens(session: Session) -> None:
    """List tokens, without their secrets."""
    with session.workspace() as workspace:
        found = workspace.tokens()
    session.show(
        found, lambda: table([_token(view) for view in found], _TOKENS, "no tokens yet; driftdeck token create NAME")
    )


def revoke_token(session: Session, name: TokenName) -> None:
    """Make a token worthless, for good."""
    with session.workspace() as workspace:
        view = workspace.revoke_token(name)
    session.show(view, lambda: f"{view['name']} opens nothing any more")


def _token(view: TokenView) -> dict[str, Any]:
    models = "all" if view["models"] is None else ", ".join(view["models"])
    return {**view, "scopes": ", ".join(view["scopes"]), "models": models}
