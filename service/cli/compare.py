"""``compare``: two files against each other, no workspace needed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from service.cli.session import FOUND, Session, command, table


class FailOn(StrEnum):
    """What can decide the exit code."""

    drift = "drift"


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "compare")(compare)


def _split(values: list[str] | None) -> list[str] | None:
    return [part.strip() for value in values for part in value.split(",") if part.strip()] if values else None


def compare(
    session: Session,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="CSV, TSV, text, JSON, Parquet or Arrow.")],
    current: Annotated[
        str, typer.Argument(metavar="CURRENT", help="The same, to be held against it; - is standard input.")
    ],
    check: Annotated[list[str] | None, typer.Option("--check", metavar="NAME,…", help="These checks only.")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="NAME", help="These columns only; repeatable.")
    ] = None,
    timestamp: Annotated[
        str | None, typer.Option("--timestamp", metavar="COL", help="Column that says when; not compared.")
    ] = None,
    alpha: Annotated[float, typer.Option("--alpha", min=0, max=1, help="Error rate of the whole comparison.")] = 0.01,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="Exit with 3 when there is drift.")] = None,
) -> None:
    """Compare two files column by column: what drifted, and how far."""
    from monitors.compare import compare as compare_files

    result = compare_files(reference, current, checks=_split(check), columns=column, timestamp=timestamp, alpha=alpha)
    found = result.to_dict()
    columns = {
        "column": "column", "type": "type", "drift": "drift", "p_value": "p", "effect": "effect",
        "missing_reference": "missing before", "missing_current": "missing now", "error": "error",
    }  # fmt: skip
    session.show(found, lambda: table(found["columns"], columns, "no columns to compare"))
    if fail_on and found["drift"]:
        raise typer.Exit(FOUND)
