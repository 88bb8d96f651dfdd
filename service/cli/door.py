"""``quarantine``, ``repair``, ``schema``: what was refused, its way in after all, and which columns came otherwise than declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.session import FAILED, Session, command, table
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from service.data_views import RepairedRow


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "quarantine")(quarantine)
    command(app, "repair")(repair)
    command(app, "schema")(schema)


def quarantine(
    session: Session,
    model: ModelArgument,
    groups: Annotated[bool, typer.Option("--groups", help="Reasons and how many rows each, not rows.")] = False,  # noqa: FBT002
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many rows.")] = 100,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Leave out so many of the latest.")] = 0,
) -> None:
    """List rows that could not be taken, latest first."""
    empty = f"no row of {model} was refused"
    with session.workspace() as workspace:
        if groups:
            reasons = workspace.quarantine_groups(model)
            columns = {
                "rows": "rows",
                "field": "field",
                "error": "latest error",
                "origin": "from",
                "last_seen": "last seen",
            }
            session.show(reasons, lambda: table(reasons, columns, empty))
            return
        rows = workspace.quarantine(model, limit=limit, offset=offset)
    columns = {
        "arrival_time": "arrived", "kind": "kind", "origin": "from", "line": "line", "row": "row", "field": "field",
        "error": "error", "ref": "ref",
    }  # fmt: skip
    session.show(rows, lambda: table(rows, columns, empty))


def repair(
    session: Session,
    model: ModelArgument,
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON lines, each {"ref": …, "row": {…}}: the refused row\'s ref, and the row as it should have come.'
        ),
    ],
) -> None:
    """Take refused rows after all, repaired: all of them or, while one is still wrong, none."""
    repairs = _repairs(file)
    with session.workspace() as workspace:
        done = workspace.repair(model, repairs)
    wrong = [f"line {entry['row'] + 1}: {entry['error']}" for entry in done["rejected"]]
    taken = f"{done['accepted']} rows taken, {done['duplicates']} were there already"
    session.show(done, lambda: "\n".join([*wrong, "nothing was taken; correct these and repeat"]) if wrong else taken)
    if wrong:
        raise typer.Exit(FAILED)


def _repairs(file: Path) -> list[RepairedRow]:
    found: list[RepairedRow] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise WorkspaceError(f"{file}: line {number} is not JSON ({error})") from None
        if not (isinstance(entry, dict) and isinstance(entry.get("ref"), str) and isinstance(entry.get("row"), dict)):
            raise WorkspaceError(f'{file}: line {number} has to be {{"ref": "…", "row": {{…}}}}')
        found.append({"ref": entry["ref"], "row": entry["row"]})
    return found


def schema(session: Session, model: ModelArgument) -> None:
    """List columns that came otherwise than declared, and what to do about each."""
    with session.workspace() as workspace:
        events = workspace.schema_events(model)

    def words() -> str:
        lines = [f"{event['seen_at']}  {event['event']}: {event['words']}" for event in events]
        return "\n".join(lines) or f"every column of {model} came as declared"

    session.show(events, words)
