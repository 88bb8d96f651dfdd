"""``compare``: two files against each other, no workspace needed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from service.cli.session import FOUND, Session, command


class FailOn(StrEnum):
    """What can decide the exit code."""

    drift = "drift"


class Engine(StrEnum):
    """What counts the rows."""

    duckdb = "duckdb"
    spark = "spark"


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
    check: Annotated[
        list[str] | None,
        typer.Option(
            "--check", metavar="NAME,…", help="These checks instead of the usual ones; driftdeck checks lists them."
        ),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="NAME", help="These columns only; repeatable.")
    ] = None,
    timestamp: Annotated[
        str | None, typer.Option("--timestamp", metavar="COL", help="Column that says when; not compared.")
    ] = None,
    alpha: Annotated[float, typer.Option("--alpha", min=0, max=1, help="Error rate of the whole comparison.")] = 0.01,
    engine: Annotated[Engine, typer.Option("--engine", help="What counts the rows.")] = Engine.duckdb,
    exact: Annotated[  # noqa: FBT002 - typer reads the default
        bool, typer.Option("--exact", help="Compute the checks from the rows where profiles only come near them.")
    ] = False,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="Decide as evidently or nannyml does on its defaults."),
    ] = None,
    chunk: Annotated[
        str | None, typer.Option("--chunk", metavar="LENGTH", help="With nannyml: 1h, 1d, 1w, 1mo or '500 rows'.")
    ] = None,
    multivariate: Annotated[  # noqa: FBT002 - typer reads the default
        bool,
        typer.Option(
            "--multivariate",
            help="Compare all columns together as well, and texts by a classifier, on samples of rows.",
        ),
    ] = False,
    segment: Annotated[
        str | None,
        typer.Option(
            "--segment", metavar="COLUMN", help="Inside each value of this column as well, or of a pair 'a × b'."
        ),
    ] = None,
    ids: Annotated[  # noqa: FBT002 - typer reads the default
        bool, typer.Option("--ids", help="Compare ids and keys as well, which are left out otherwise.")
    ] = False,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="Exit with 3 when there is drift.")] = None,
) -> None:
    """Compare two files column by column: what drifted, and how far.

    A verdict is drift, ok, insufficient (fewer than 10 rows), no_data or error. Exit code 2: a side without rows.
    """
    from service.cli.lean import start_lean

    start_lean()
    from monitors.compare_inputs import CompareError
    from monitors.comparison import compare as compare_files

    inside: dict[str, str] = {}
    if segment is not None:
        from monitors.compare_segments import compare_segments as compare_files  # type: ignore[assignment]

        inside = {"segment": segment}
    try:
        result = compare_files(
            reference,
            current,
            **inside,
            checks=_split(check),
            columns=column,
            timestamp=timestamp,
            alpha=alpha,
            engine=engine.value,
            exact=exact,
            preset=preset,
            chunk=chunk,
            multivariate=multivariate,
            ids=ids,
        )
    except CompareError as error:
        raise typer.BadParameter(str(error)) from None
    session.show(result.to_dict(), lambda: str(result))
    if fail_on and result.drift:
        raise typer.Exit(FOUND)
