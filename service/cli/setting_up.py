"""On the command line: from a file of rows to a monitored model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.session import FAILED, Session, command, table

if TYPE_CHECKING:
    from service.setting_up_views import Choices, Proposal, SetUpView
    from service.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "init")(init)


def init(
    session: Session,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="CSV, TSV, JSON lines, Parquet or Arrow, also compressed.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What the model is called [default: as the file].")] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="binary, multiclass, regression, ranking or none [default: guessed].")
    ] = None,
    window: Annotated[str | None, typer.Option("--window", help="Such as 1h, 1d, 1w [default: guessed].")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Such as Europe/Berlin [default: guessed].")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", metavar="COLUMN=ROLE", help="What a column is, such as amount=label or notes=ignored; repeat it."
        ),
    ] = None,
    toml: Annotated[
        Path | None, typer.Option("--toml", metavar="FILE", help="Write the declaration there too.")
    ] = None,
    example: Annotated[  # noqa: FBT002
        bool, typer.Option("--example", help="A made-up file of customers in the place of FILE.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: declare, load, freeze the reference, judge.")] = False,  # noqa: FBT002
) -> None:
    """Recognise a file's columns and propose a model for them; with --yes set it up, to its first readings."""
    if (file is None) != example:
        raise typer.BadParameter("give FILE, or --example")
    choices = _choices(name, task, window, timezone, role)
    with session.workspace() as workspace:
        upload = workspace.example_upload() if file is None else workspace.keep_upload(file)
        proposal = workspace.propose(upload["id"], choices=choices)
        if toml is not None and proposal["toml"]:
            toml.write_text(proposal["toml"], encoding="utf-8")
        against = [note for note in proposal["notes"] if note["level"] == "impossible"]
        done = None
        if yes and not against:
            if not session.json:
                session.say(_summary(proposal))
            done = workspace.set_up(upload["id"], choices)
        _show(session, workspace, proposal, done)
    if against:
        raise typer.Exit(FAILED)


def _choices(
    name: str | None, task: str | None, window: str | None, timezone: str | None, roles: list[str] | None
) -> Choices:
    from service.setting_up_views import ROLES

    found: Choices = {}
    if name is not None:
        found["name"] = name
    if task is not None:
        found["task"] = task
    if window is not None:
        found["window"] = window
    if timezone is not None:
        found["timezone"] = timezone
    for text in roles or ():
        column, sign, role = text.rpartition("=")
        if not sign or role not in ROLES:
            raise typer.BadParameter(f"--role {text!r} must be written COLUMN=ROLE, with a role of: {', '.join(ROLES)}")
        found.setdefault("columns", {})[column] = {"role": role}
    return found


def _show(session: Session, workspace: Workspace, proposal: Proposal, done: SetUpView | None) -> None:
    if done is None:
        stands = any(note["level"] == "impossible" for note in proposal["notes"])
        hint = "\nNothing was set up: " + (
            "settle first what is said to be impossible." if stands else "the same command with --yes does it."
        )
        session.show(
            {"proposal": proposal, "set_up": None},
            lambda: f"{_summary(proposal)}\n\n{_columns(proposal)}\n\n{proposal['toml']}{hint}",
        )
        return
    model = workspace.model(done["model"] or proposal["name"])
    steps = [{"title": s["title"], "words": s["words"], "seconds": s["seconds"]} for s in done["steps"]]
    session.show(
        {"proposal": proposal, "set_up": done, "model": model},
        lambda: "\n".join(
            [
                table(steps, {"title": "step", "words": "what came of it", "seconds": "s"}, ""),
                *[f"note: {words}" for words in done["warnings"]],
                "",
                f"{model['name']}: {model['headline'] or 'within its natural variation'}",
                f"look at it: driftdeck --home {session.home} serve",
            ]
        ),
    )


def _summary(proposal: Proposal) -> str:
    lines = [
        f"{proposal['file']}: {proposal['rows']:,} rows, {len(proposal['columns'])} columns",
        f"task       {proposal['task']}: {proposal['task_why']}",
    ]
    if proposal["positive"] is not None:
        lines.append(f"positive   {proposal['positive']}: {proposal['positive_why']}")
    lines += [
        f"time       {proposal['times_why']}; zone {proposal['timezone']}: {proposal['timezone_why']}",
        f"window     {proposal['window']}: {proposal['window_why']}",
        f"reference  {proposal['reference_why']}",
        f"budget     {proposal['warnings_per_year']:g} false warning and {proposal['pages_per_year']:g} false page a year",
    ]
    lines += [f"{note['level']}: {note['words']}; {note['way_on']}" for note in proposal["notes"]]
    return "\n".join(lines)


def _columns(proposal: Proposal) -> str:
    rows = [
        {
            "name": c["name"],
            "role": c["role"] + (" · segment" if c["segment"] else ""),
            "type": c["type"],
            "why": c["why"],
        }
        for c in proposal["columns"]
    ]
    return table(rows, {"name": "column", "role": "role", "type": "type", "why": "why"}, "no columns")
