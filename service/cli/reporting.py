"""On the command line: reports to keep and to send: of a model or window, and the week in one page."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, SinceOption, UntilOption, command, parse_time, plain

if TYPE_CHECKING:
    from service.workspace import Workspace

_FORMS = {"report": ("html", "json", "csv", "evidently"), "summary": ("markdown", "html", "json")}

OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there [default: to standard output].")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "report")(report)
    command(app, "summary")(summary)


def report(
    session: Session,
    model: ModelArgument,
    window: Annotated[
        datetime | None,
        typer.Option("--window", parser=parse_time, metavar="TIME", help="Of the window that holds this time."),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="html, json, csv or evidently [default: html].")
    ] = None,
    output: OutputOption = None,
) -> None:
    """Write what is known of a model or of one window: one HTML file, JSON, CSV, or Evidently's report of the window."""
    chosen = _form("report", form, session)
    with session.workspace() as workspace:
        content = _report(workspace, model, window, since, until, chosen)
    _write(session, content, output)


def _report(
    workspace: Workspace,
    model: str,
    window: datetime | None,
    since: datetime | None,
    until: datetime | None,
    form: str,
) -> str | bytes:
    from service import exporting, report_data, report_page

    if form == "evidently":
        return _evidently(workspace, model, window, since or until)
    found = workspace.report(model, window=window, since=since, until=until)
    if form == "json":
        return exporting.as_json_text(plain(found))
    return report_page.render(found) if form == "html" else exporting.as_csv(report_data.lines(found))


def _evidently(workspace: Workspace, model: str, window: datetime | None, span: datetime | None) -> bytes:
    if span is not None:
        raise typer.BadParameter("Evidently's report is of one window: --window TIME, not --since or --until")
    if window is None:  # the latest that a report of ours would tell of
        window = datetime.fromisoformat(workspace.report(model)["window"]["start"])
    return workspace.evidently_report(model, window).read_bytes()


def summary(
    session: Session,
    week: Annotated[
        str | None,
        typer.Option("--week", metavar="DATE", help="The week that holds this day [default: the latest that is over]."),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            "--timezone", metavar="ZONE", help="Where it begins [default: the models' if they share one, else UTC]."
        ),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="markdown, html or json [default: markdown].")
    ] = None,
    output: OutputOption = None,
) -> None:
    """Sum up a week of all models: what happened, who needs somebody, the alert budget, labels outstanding, what comes next."""
    from service import exporting, summary_page

    chosen, day = _form("summary", form, session), _day(week)
    with session.workspace() as workspace:
        found = workspace.summary(day, timezone=timezone)
    written = {
        "json": lambda: exporting.as_json_text(plain(found)),
        "html": lambda: summary_page.render(found),
        "markdown": lambda: summary_page.markdown(found),
    }
    _write(session, written[chosen](), output)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write one like 2013-06-04") from None


def _form(name: str, form: str | None, session: Session) -> str:
    forms = _FORMS[name]
    chosen = form or ("json" if session.json else forms[0])
    if chosen not in forms:
        raise typer.BadParameter(f"--format {chosen!r} is not known; choose one of {', '.join(forms)}")
    if session.json and chosen != "json":
        raise typer.BadParameter(f"--json and --format {chosen} ask for two different things; leave one out")
    return chosen


def _write(session: Session, content: str | bytes, output: Path | None) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    if output is None:
        sys.stdout.buffer.write(raw if raw.endswith(b"\n") else raw + b"\n")
        sys.stdout.buffer.flush()
        return
    output.write_bytes(raw)
    session.say(f"written to {output}")
