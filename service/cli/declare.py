"""``apply``, ``export``, ``check``, ``models``, ``declared``, ``set``, ``remove``: what is declared."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.session import Session, command, table

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A TOML file; - is standard input.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "apply")(apply)
    command(app, "export")(export)
    command(app, "check")(check)
    command(app, "models")(models)
    command(app, "declared")(declared)
    command(app, "set")(change)
    command(app, "remove")(remove)


def _read(file: str) -> str:
    from service.workspace import WorkspaceError

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise WorkspaceError(f"{file}: {error.strerror}; give a TOML file, or - for standard input") from None
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"{file} is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _count(names: list[str], things: str) -> str:
    return f"{len(names)} {things.removesuffix('s') if len(names) == 1 else things}"


def apply(
    session: Session,
    file: FileArgument,
    take_over: Annotated[  # noqa: FBT002
        bool, typer.Option("--take-over", help="The file owns from now on what the dashboard owned.")
    ] = False,
    prune: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--prune",
            help="Take back channels, maintenance and sources that files declared and this one does not have.",
        ),
    ] = False,
) -> None:
    """Declare models, monitors, channels, maintenance and sources from TOML."""
    text = _read(file)
    with session.workspace() as workspace:
        changes = workspace.apply(text, take_over=take_over, prune=prune)
    session.show(changes, lambda: "\n".join(f"{what}: {', '.join(names)}" for what, names in changes.items() if names))


def export(session: Session) -> None:
    """Write out all declarations as TOML (with --json: {"toml": …})."""
    with session.workspace() as workspace:
        text = workspace.export()
    session.show({"toml": text}, lambda: text.rstrip("\n"))


def check(session: Session, file: FileArgument) -> None:
    """Validate a TOML file only; problems name their line, the allowed values and the nearest valid key."""
    from service.declaration_file import SECTIONS, DeclarationError, parse
    from service.declared_checks import check_problems

    text = _read(file)
    problems: list[str] = []
    try:
        declaration = parse(text, os.environ)
    except DeclarationError as error:
        problems = error.problems
        names: dict[str, list[str]] = {section: [] for section in SECTIONS}
    else:
        names = {section: list(getattr(declaration, section)) for section in SECTIONS}
        own = [file.stem for file in (session.home / "checks").glob("[!_]*.py")]
        problems = check_problems(declaration.models, text, own)
    result = {"valid": not problems, "problems": problems, **names}
    if problems and not session.json:
        session.say("\n".join(f"{file}: {problem}" for problem in problems))
    else:
        session.show(
            result,
            lambda: f"{file} is valid: " + ", ".join(_count(found, what) for what, found in names.items()),
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


def declared(
    session: Session,
    toml: Annotated[bool, typer.Option("--toml", help="Each thing as a file would hold it.")] = False,  # noqa: FBT002
) -> None:
    """List everything that is declared, each thing with its one owner: a file, or the dashboard."""
    with session.workspace() as workspace:
        found = workspace.declared()
    columns = {"kind": "what", "name": "name", "declared_in": "owner", "actor": "changed by", "changed_at": "on"}
    session.show(
        found,
        lambda: (
            "\n".join(f"# {each['name']}: owned by the {each['declared_in']}\n{each['toml']}" for each in found)
            if toml
            else table(found, columns, "nothing is declared yet; `driftdeck apply FILE` declares")
        ),
    )


TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Even if a file owns it: the dashboard does from now on, and the file is told."),
]


def change(
    session: Session,
    assignments: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE…", help="Such as models.air_time.monitor.tolerance=0.1.")
    ],
    take_over: TakeOver = False,  # noqa: FBT002
) -> None:
    """Change what is declared, key by key; KEY= takes a key out. Values are written as in TOML, texts also without quotes."""
    wanted: dict[tuple[str, str], dict[str, Any]] = {}
    for text in assignments:
        place, key, value = _assignment(text)
        wanted.setdefault(place, {})[key] = value
    with session.workspace() as workspace:
        found = [workspace.edit(kind, name, changes, take_over=take_over) for (kind, name), changes in wanted.items()]
    session.show(found, lambda: "\n".join(each["toml"].rstrip("\n") for each in found))


def _assignment(text: str) -> tuple[tuple[str, str], str, Any]:
    """Return (kind, name), dotted key and value of one assignment."""
    import re
    import tomllib

    match = re.fullmatch(
        r"([a-z]+)\.([a-z][a-z0-9_-]*)\.((?:[^=\"']|\"[^\"]*\"|'[^']*')+?)\s*=\s*(.*)", text, re.DOTALL
    )
    if match is None:
        raise typer.BadParameter(f"{text!r} is no assignment; write one such as models.air_time.monitor.tolerance=0.1")
    kind, name, key, value = match.groups()
    if not value:
        return (kind, name), key, None
    try:
        return (kind, name), key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return (kind, name), key, value


def remove(
    session: Session,
    place: Annotated[str, typer.Argument(metavar="WHAT", help="Such as channels.team.")],
    take_over: TakeOver = False,  # noqa: FBT002
) -> None:
    """Take back a channel, a maintenance or a source. Models stay: their data hang on them."""
    kind, _, name = place.partition(".")
    if not name:
        raise typer.BadParameter(f"{place!r} is no declared thing; write one such as channels.team")
    with session.workspace() as workspace:
        workspace.remove(kind, name, take_over=take_over)
    session.show({"removed": place}, lambda: f"{place} is declared no more")
