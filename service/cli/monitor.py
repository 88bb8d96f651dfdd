"""``readings``, ``multivariate``, ``alerts``, ``ack``: what was found."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.session import FOUND, Session, SinceOption, UntilOption, command, table

if TYPE_CHECKING:
    from service import views

OptionalModel = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="One model [default: all].")]


class FailOn(StrEnum):
    """Severities that can decide the exit code."""

    warning = "warning"
    page = "page"


class Verdict(StrEnum):
    """What a reading may have come out as."""

    ok = "ok"
    drift = "drift"
    warning = "warning"
    critical = "critical"
    insufficient = "insufficient"
    no_data = "no_data"
    error = "error"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "readings")(readings)
    command(app, "multivariate")(multivariate)
    command(app, "alerts")(alerts)
    command(app, "ack")(ack)


def readings(
    session: Session,
    model: ModelArgument,
    since: SinceOption = None,
    until: UntilOption = None,
    check: Annotated[str | None, typer.Option("--check", help="This check only.")] = None,
    column: Annotated[str | None, typer.Option("--column", help="This column only.")] = None,
    verdict: Annotated[Verdict | None, typer.Option("--verdict", help="This verdict only.")] = None,
    segment: Annotated[
        str | None,
        typer.Option("--segment", help="Inside this one, such as carrier=AA; * for what is wrong inside any."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100_000,
) -> None:
    """List readings: what each check found in each window."""
    with session.workspace() as workspace:
        found = workspace.readings(
            model,
            since=since,
            until=until,
            check=check,
            column=column,
            verdict=verdict.value if verdict else None,
            segment=segment,
            limit=limit,
        )
    columns = {
        "window_start": "window", "check": "check", "column": "column", "segment": "segment", "value": "value",
        "threshold": "threshold", "n": "rows", "verdict": "verdict",
    }  # fmt: skip
    asked = any((since, until, check, column, verdict, segment))
    empty = "no reading is like that" if asked else f"no readings; compute them with `driftdeck run {model}`"
    session.show(found, lambda: table(found, columns, empty))


def multivariate(session: Session, model: ModelArgument) -> None:
    """List what was found in rows as a whole, in texts and in embeddings, and the columns behind it."""
    with session.workspace() as workspace:
        found = workspace.multivariate(model)
    columns = {
        "window_start": "window", "check": "check", "column": "column", "value": "value", "threshold": "threshold",
        "verdict": "verdict", "drivers": "most by",
    }  # fmt: skip

    def row(reading: views.RowsReading) -> dict[str, object]:
        by = ", ".join(f"{driver['column']} {100 * driver['share']:.0f} %" for driver in reading["drivers"][:3])
        return {**reading, "drivers": by}

    empty = f"nothing was read of rows as a whole; compute it with `driftdeck run {model}`"
    session.show(found, lambda: table([row(reading) for reading in found], columns, empty))


def alerts(
    session: Session,
    model: OptionalModel = None,
    state: Annotated[str | None, typer.Option("--state", help="In this state only.")] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit with 3 when an open alert is at least so severe.")
    ] = None,
) -> None:
    """List alerts, firing first."""
    with session.workspace() as workspace:
        found = workspace.alerts(model, state=state)
    columns = {
        "id": "id", "severity": "severity", "state": "state", "kind": "kind", "model": "model",
        "window_start": "since", "headline": "what",
    }  # fmt: skip
    session.show(found, lambda: table(found, columns, "no alerts"))
    severe = {"page"} if fail_on is FailOn.page else {"page", "warning"}
    at_rest = {"pending", "silenced", "resolved"}  # nobody is told of those either
    if fail_on and any(alert["severity"] in severe and alert["state"] not in at_rest for alert in found):
        raise typer.Exit(FOUND)


def ack(
    session: Session,
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the alert.")],
    comment: Annotated[str, typer.Option("--comment", help="Kept with the alert.")] = "",
) -> None:
    """Acknowledge an alert; evaluation goes on beneath."""
    with session.workspace() as workspace:
        alert = workspace.acknowledge(alert_id, comment=comment)
    session.show(alert, lambda: f"{alert['id']} is {alert['state']}: {alert['headline']}")
