"""``reference``, ``log``, ``label``: data in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.session import Session, SinceOption, UntilOption, command

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
    command(app, "reference")(reference)
    command(app, "log")(log)
    command(app, "label")(label)


def reference(
    session: Session,
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="A file or pattern; left out: logged rows of --since, --until."),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Number it gets [default: the next].")] = None,
) -> None:
    """Freeze a reference, from a file or from a past window of the log."""
    if data is not None:
        if since is not None or until is not None:
            raise typer.BadParameter("give DATA, or --since and --until, not both")
        source: str | tuple[str, str] = data
    elif since is None or until is None:
        raise typer.BadParameter("give DATA, or both --since and --until")
    else:
        source = (since.isoformat(), until.isoformat())
    with session.workspace() as workspace:
        made = workspace.reference(model, source, version=version)
    session.show(
        made,
        lambda: (
            f"reference {made['version']} of {made['model']}: rows {made['rows']}, columns {_named(made['columns'])}"
        ),
    )


def _named(columns: list[dict[str, str]]) -> str:
    return ", ".join(f"{entry['column']} ({entry['type']})" for entry in columns)


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
