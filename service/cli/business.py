"""``business``, ``service``, ``versions-compared`` and ``fairness``: what a model does, how it answers, which version does better, for whom."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, SinceOption, UntilOption, command, table

VersionOption = Annotated[str, typer.Option("--version", help="This version.")]
OtherOption = Annotated[str, typer.Option("--other", help="The version it is held against.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "business")(business)
    command(app, "service")(service)
    command(app, "versions-compared")(versions_compared)
    command(app, "fairness")(fairness)


def business(
    session: Session,
    model: ModelArgument,
    version: Annotated[str | None, typer.Option("--version", help="Show the lift of this version …")] = None,
    other: Annotated[str | None, typer.Option("--other", help="… over this one.")] = None,
) -> None:
    """Show the declared ratios of the business by window, or the lift of one version over another."""
    if (version is None) != (other is None):
        raise typer.BadParameter("a lift takes both --version and --other")
    with session.workspace() as workspace:
        if version is not None and other is not None:
            lifts = workspace.business_lift(model, version, other)
            columns = {
                "label": "ratio",
                "value": version,
                "other_value": other,
                "lift": "lift",
                "lower": "from",
                "upper": "to",
                "n": "rows",
            }
            session.show(
                lifts,
                lambda: table(
                    lifts, columns, f"{version} and {other} never answered over the same time, or no ratio is declared"
                ),
            )
            return
        found = workspace.business(model)
    columns = {
        "label": "ratio",
        "start": "window",
        "value": "value",
        "lower": "from",
        "upper": "to",
        "n": "rows",
        "verdict": "verdict",
    }
    empty = f"no ratio of the business is declared or read: write [models.{model}.monitor.business.NAME] and `driftdeck run {model}`"
    session.show(found, lambda: table(found, columns, empty))


def service(session: Session, model: ModelArgument) -> None:
    """Show latency, throughput, errors, processor and memory by window."""
    with session.workspace() as workspace:
        found = workspace.service_points(model)
    columns = {
        "start": "window", "rows": "rows", "latency_p50": "p50 ms", "latency_p95": "p95 ms", "latency_p99": "p99 ms",
        "error_share": "errors", "cpu": "cores", "memory": "bytes", "verdict": "verdict",
    }  # fmt: skip
    session.show(found, lambda: table(found, columns, f"nothing is known of the service of {model} yet"))


def versions_compared(
    session: Session,
    model: ModelArgument,
    version: VersionOption,
    other: OtherOption,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Compare two versions on labelled rows: the same ones where a shadow answered too, else side by side."""
    with session.workspace() as workspace:
        found = workspace.compare_versions(model, version, other, since, until)
    columns = {
        "label": "metric",
        "value": version,
        "other": other,
        "difference": "difference",
        "lower": "from",
        "upper": "to",
        "better": "better",
    }
    session.show(found, lambda: f"{table(found['metrics'], columns, 'nothing to compare')}\n{found['sentence']}")


def fairness(session: Session, model: ModelArgument, since: SinceOption = None, until: UntilOption = None) -> None:
    """Show metrics by group of each column declared under `fairness`, with the widest gaps."""
    with session.workspace() as workspace:
        found = workspace.fairness(model, since, until)
    columns = {
        "column": "column",
        "group": "group",
        "label": "metric",
        "value": "value",
        "lower": "from",
        "upper": "to",
        "n": "rows",
    }
    rows = [{"column": view["column"], **group} for view in found for group in view["groups"]]
    empty = f'no column is declared, or none has rows: write `fairness = ["age_group"]` under [models.{model}]'
    gaps = "\n".join(gap["sentence"] for view in found for gap in view["gaps"])

    def words() -> str:
        return f"{table(rows, columns, empty)}\n{gaps}".rstrip()

    session.show(found, words)
