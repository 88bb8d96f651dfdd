"""``columns`` and ``relation``: which columns a model has, and what it does with the values of one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, command, parse_time, table

if TYPE_CHECKING:
    from service.column_views import Estimate, RelationView


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "columns")(columns)
    command(app, "relation")(relation)


def columns(session: Session, model: ModelArgument) -> None:
    """List the columns of a model that are watched."""
    with session.workspace() as workspace:
        found = workspace.columns(model)
    names = {"name": "column", "kind": "kind", "type": "type", "unit": "unit"}
    empty = f"nothing to list: {model} has no reference; make one with `driftdeck reference {model} FILE`"
    session.show(found, lambda: table(list(found), names, empty))


def relation(
    session: Session,
    model: ModelArgument,
    column: Annotated[str, typer.Argument(help="Column.")],
    window: Annotated[
        datetime | None,
        typer.Option("--window", parser=parse_time, metavar="TIME", help="Window that holds it [default: the latest]."),
    ] = None,
) -> None:
    """Show prediction and error by value of a column: the reference against a window, each mean with its 95 % interval."""
    with session.workspace() as workspace:
        found = workspace.relation(model, column, window)
    session.show(found, lambda: _told(found, column))


def _told(found: RelationView | None, column: str) -> str:
    if found is None:
        return f"{column} is no input and no prediction: by its values nothing is predicted"
    kinds = {"prediction": found["prediction_name"], "error": found["error_name"]}
    shown = {"label": column, "n_reference": "reference rows", "n": "rows"}
    for kind, name in kinds.items():
        if name is not None:
            shown |= {f"{kind}_reference": f"{name}, reference", kind: "now"}
    rows = [
        {
            **bar,
            "prediction": _said(bar["prediction"]),
            "prediction_reference": _said(bar["prediction_reference"]),
            "error": _said(bar["error"]),
            "error_reference": _said(bar["error_reference"]),
        }
        for bar in found["bars"]
    ]
    return table(rows, shown, "no row of this window or of the reference is kept")


def _said(mean: Estimate) -> str | None:
    if mean["value"] is None:
        return None
    if mean["lower"] is None or mean["upper"] is None:
        return f"{mean['value']:.4g}"
    return f"{mean['value']:.4g} ({mean['lower']:.4g} to {mean['upper']:.4g})"
