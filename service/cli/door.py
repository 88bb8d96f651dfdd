"""``quarantine``, ``schema``: what was refused, and which columns came otherwise than declared."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, command, table


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "quarantine")(quarantine)
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
        "error": "error",
    }  # fmt: skip
    session.show(rows, lambda: table(rows, columns, empty))


def schema(session: Session, model: ModelArgument) -> None:
    """List columns that came otherwise than declared, and what to do about each."""
    with session.workspace() as workspace:
        events = workspace.schema_events(model)

    def words() -> str:
        lines = [f"{event['seen_at']}  {event['event']}: {event['words']}" for event in events]
        return "\n".join(lines) or f"every column of {model} came as declared"

    session.show(events, words)
