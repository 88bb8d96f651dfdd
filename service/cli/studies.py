"""``study``, ``curve``, ``backtest``: how much data is enough, and which period to learn from."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli import loop
from service.cli.data import ModelArgument
from service.cli.session import FAILED, Session, SinceOption, UntilOption, command, printable, table

if TYPE_CHECKING:
    from service.training_views import BacktestView, CurveView


class Kind(StrEnum):
    """What is to be found out."""

    LEARNING_CURVE = "learning_curve"
    BACKTEST = "backtest"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "study")(study)
    command(app, "curve")(curve)
    command(app, "backtest")(backtest)


def study(
    session: Session,
    model: ModelArgument,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="learning_curve or backtest.")],
    since: SinceOption = None,
    until: UntilOption = None,
    wait: Annotated[bool, typer.Option(help="Wait until the job has ended.")] = True,  # noqa: FBT002
) -> None:
    """Find out, as a job, how much data is enough (learning_curve) or which period to learn from (backtest)."""
    with session.workspace() as workspace:
        if not wait:
            loop.needs_server(workspace)
        job = workspace.study(model, kind.value, since=since, until=until)
        if not session.json:
            session.say(f"rows of {job['period'][0]} to {job['period'][1]}: {job['reason']}")
        if wait:
            job = loop.follow(workspace, job)
        done = job["state"] == "succeeded" and job["kind"] == kind.value
        found = (
            (workspace.learning_curve if kind is Kind.LEARNING_CURVE else workspace.backtest)(model) if done else None
        )
    sentence = [] if found is None else [printable(found["sentence"])]
    session.show(job, lambda: "\n".join([loop.job_line(job), *sentence]))
    if wait and job["state"] != "succeeded":
        raise typer.Exit(FAILED)


def curve(session: Session, model: ModelArgument) -> None:
    """Show the latest learning curve: how good the model is after so many rows."""
    with session.workspace() as workspace:
        found = workspace.learning_curve(model)
    session.show(found, lambda: _curve(found, model))


def _curve(found: CurveView | None, model: str) -> str:
    if found is None:
        return f"no learning curve yet; make one with `driftdeck study {model} learning_curve`"
    rows = [dict(point) for point in found["points"]]
    columns = {"rows": "rows", "value": found["metric"], "lower": "from", "upper": "to", "seconds": "seconds"}
    return f"{table(rows, columns, '')}\n\n{printable(found['sentence'])}"


def backtest(session: Session, model: ModelArgument) -> None:
    """Show the latest backtest of periods: what to learn from, as the past tells."""
    with session.workspace() as workspace:
        found = workspace.backtest(model)
    session.show(found, lambda: _backtest(found, model))


def _backtest(found: BacktestView | None, model: str) -> str:
    if found is None:
        return f"no backtest yet; make one with `driftdeck study {model} backtest`"
    rows = [{**row, "best": "*" if row["name"] == found["best"] else ""} for row in found["rows"]]
    columns = {
        "best": "", "words": "learned from", "rows": "rows", "value": found["metric"], "lower": "from", "upper": "to",
        "change": "against the least", "folds": "stretches",
    }  # fmt: skip
    return f"{table(rows, columns, '')}\n\n{printable(found['sentence'])}"
