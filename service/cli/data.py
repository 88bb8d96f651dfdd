"""``log``, ``label``: data in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.session import Session, command

if TYPE_CHECKING:
    from service.views import AppendView

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")]
DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="CSV, TSV, text, JSON, JSON lines, Parquet or Arrow; a pattern; - is standard input."
    ),
]
KeyOption = Annotated[str | None, typer.Option("--key", help="Name of this append: sent twice, it is kept once.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "log")(log)
    command(app, "label")(label)


def log(session: Session, model: ModelArgument, data: DataArgument, key: KeyOption = None) -> None:
    """Append predictions."""
    with session.workspace() as workspace:
        _report(session, workspace.log(model, data, key=key))


def label(session: Session, model: ModelArgument, data: DataArgument, key: KeyOption = None) -> None:
    """Append labels, joined to predictions by id."""
    with session.workspace() as workspace:
        _report(session, workspace.label(model, data, key=key))


def _report(session: Session, result: AppendView) -> None:
    rejected = result["rejected"]
    shown = [f"row {item['row']}, {item['field']}: {item['error']}" for item in rejected[:20]]
    if len(rejected) > len(shown):
        shown.append(f"and {len(rejected) - len(shown)} more")
    if shown and not session.json:
        session.say("\n".join(shown))
    session.show(
        result, lambda: f"accepted {result['accepted']}, duplicates {result['duplicates']}, rejected {len(rejected)}"
    )
    if rejected and not result["accepted"] and not result["duplicates"]:
        raise typer.Exit(1)
