"""``reference``, ``references``: what normal is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.session import Session, SinceOption, UntilOption, command, table

if TYPE_CHECKING:
    from service.workspace import Workspace

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "reference")(reference)
    command(app, "references")(references)


def reference(
    session: Session,
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]", help="A file or pattern; - is standard input; with --sql a database's address."
        ),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    before_deployment: Annotated[
        str | None,
        typer.Option(
            "--before-deployment",
            metavar="TIME",
            help="Logged rows of such a time, as 4w, before the champion's deployment.",
        ),
    ] = None,
    of: Annotated[
        str | None, typer.Option("--of", metavar="VERSION", help="With --before-deployment: of this version instead.")
    ] = None,
    training: Annotated[
        str | None, typer.Option("--training", metavar="VERSION", help="The rows that a version learned from.")
    ] = None,
    sql: Annotated[
        str | None, typer.Option("--sql", metavar="SELECT", help="The query, when DATA is a database's address.")
    ] = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Number it gets [default: the next].")] = None,
) -> None:
    """Freeze a reference: from a file, a query, a past window of the log, or in words."""
    if sql is not None and data is None:
        raise typer.BadParameter("--sql goes with DATA, the address of a database such as postgresql://user@host/sales")
    window = None if since is None and until is None else (since, until)
    given: dict[str, Any] = {
        "DATA": data,
        "--since and --until": window,
        "--before-deployment": before_deployment,
        "--training": training,
    }
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        said = f", not {' with '.join(named)}" if named else ""
        raise typer.BadParameter(f"give one of {', '.join(given)}{said}")
    if of is not None and before_deployment is None:
        raise typer.BadParameter("--of goes with --before-deployment only")
    source: object = data
    if window is not None:
        if since is None or until is None:
            raise typer.BadParameter("give both --since and --until")
        source = (since.isoformat(), until.isoformat())
    elif before_deployment is not None:
        source = {"before_deployment": before_deployment} | ({} if of is None else {"of": of})
    elif training is not None:
        source = {"training": training}
    elif sql is not None and data is not None:
        source = {"connection": data, "sql": sql}
    with session.workspace() as workspace:
        made = workspace.reference(model, source, version=version)
        expected = "" if session.json else _expected(workspace, made)
    if not session.json:
        for warning in made.get("warnings", []):
            session.say(f"note: {warning}")
    session.show(
        made,
        lambda: (
            f"reference {made['version']} of {made['model']}: rows {made['rows']}, columns {_named(made['columns'])}\n"
            f"{expected}"
            f"rows that are logged already are held against it from the next run on: driftdeck run {made['model']}"
        ),
    )


def _expected(workspace: Workspace, made: dict[str, Any]) -> str:
    """Say what to expect of the monitor with this reference, if it is the one in force."""
    view = workspace.replay(made["model"])
    return f"{view['summary']}\n" if view["reference_version"] == made["version"] else ""


def _named(columns: list[dict[str, str]]) -> str:
    return ", ".join(f"{entry['column']} ({entry['type']})" for entry in columns)


def references(
    session: Session,
    model: ModelArgument,
    diff: Annotated[
        tuple[int, int] | None,
        typer.Option("--diff", metavar="VERSION OTHER", help="What changed from one to the other."),
    ] = None,
) -> None:
    """List references, or what changed between two of them."""
    with session.workspace() as workspace:
        if diff is None:
            _listed(session, workspace.references(model))
        else:
            _compared(session, workspace.reference_diff(model, *diff), diff)


def _listed(session: Session, found: Any) -> None:
    rows = [
        {
            **view,
            "is": "in force" if view["current"] else "",
            "since": view["period"][0][:10],
            "until": view["period"][1][:10],
            "used": ", ".join(view["used_by"]) or None,
        }
        for view in found
    ]
    columns = {
        "version": "version",
        "is": "",
        "since": "from",
        "until": "until",
        "rows": "rows",
        "labelled": "labelled",
        "used": "held against it",
        "source": "source",
    }
    session.show(
        found, lambda: table(rows, columns, "no reference yet; freeze one with `driftdeck reference MODEL DATA`")
    )
    if not session.json:
        for view in found:
            for warning in view["warnings"]:
                session.say(f"reference {view['version']}: {warning}")


def _compared(session: Session, found: Any, versions: tuple[int, int]) -> None:
    rows = [{**row, "before": row["mean"][0], "after": row["mean"][1]} for row in found]
    columns = {
        "column": "column",
        "change": "change",
        "distance": "distance",
        "before": f"mean in {versions[0]}",
        "after": f"mean in {versions[1]}",
        "sentence": "in words",
    }
    session.show(found, lambda: table(rows, columns, "the two references share no column"))
