"""``apply``, ``export``, ``check``, ``models``: what is declared."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from service.cli.session import Session, command, table

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A TOML file; - is standard input.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "apply")(apply)
    command(app, "export")(export)
    command(app, "check")(check)
    command(app, "models")(models)


def _read(file: str) -> str:
    from service.workspace import WorkspaceError

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise WorkspaceError(f"{file}: {error.strerror}; give a TOML file, or - for standard input") from None
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"{file} is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _count(names: list[str], thing: str) -> str:
    return f"{len(names)} {thing}{'' if len(names) == 1 else 's'}"


def apply(session: Session, file: FileArgument) -> None:
    """Declare models, monitors, channels and sources from TOML."""
    text = _read(file)
    with session.workspace() as workspace:
        changes = workspace.apply(text)
    session.show(changes, lambda: "\n".join(f"{what}: {', '.join(names)}" for what, names in changes.items() if names))


def export(session: Session) -> None:
    """Write out all declarations as TOML (with --json: {"toml": …})."""
    with session.workspace() as workspace:
        text = workspace.export()
    session.show({"toml": text}, lambda: text.rstrip("\n"))


def check(session: Session, file: FileArgument) -> None:
    """Validate a TOML file only; problems name their line, the allowed values and the nearest valid key."""
    from service.declaration_file import DeclarationError, parse
    from service.declared_checks import check_problems

    text = _read(file)
    problems: list[str] = []
    try:
        declaration = parse(text, os.environ)
    except DeclarationError as error:
        problems = error.problems
        names: dict[str, list[str]] = {"models": [], "channels": [], "sources": []}
    else:
        names = {
            "models": list(declaration.models),
            "channels": list(declaration.channels),
            "sources": list(declaration.sources),
        }
        own = [file.stem for file in (session.home / "checks").glob("[!_]*.py")]
        problems = check_problems(declaration.models, text, own)
    result = {"valid": not problems, "problems": problems, **names}
    if problems and not session.json:
        session.say("\n".join(f"{file}: {problem}" for problem in problems))
    else:
        session.show(
            result,
            lambda: f"{file} is valid: " + ", ".join(_count(found, what[:-1]) for what, found in names.items()),
        )
    if problems:
        raise typer.Exit(1)


def models(session: Session) -> None:
    """List the models: health, champion, rows."""
    with session.workspace() as workspace:
        found = workspace.models()
    rows = [{**view, **view["rows"]} for view in found]
    columns = {
        "name": "model",
        "task": "task",
        "health": "health",
        "champion": "champion",
        "logs": "logs",
        "labels": "labels",
    }
    session.show(found, lambda: table(rows, columns, "no models yet; declare one with `driftdeck apply FILE`"))
