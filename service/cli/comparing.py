"""On the command line: two slices of a model against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.compare import FailOn
from service.cli.session import FOUND, Session, command, table

if TYPE_CHECKING:
    from service.comparing_views import SliceComparison


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "compare-windows")(compare_windows)


def compare_windows(
    session: Session,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    left: Annotated[
        str,
        typer.Argument(
            metavar="LEFT", help="What is held to be normal: a period, version:NAME, reference, segment:COLUMN=VALUE."
        ),
    ],
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="What is held against it, written in the same way.")],
    alpha: Annotated[
        float | None, typer.Option("--alpha", min=0, max=1, help="Error rate of the whole comparison [default: 0.01].")
    ] = None,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="Exit with 3 when there is drift.")] = None,
) -> None:
    """Compare two periods, versions or segments of a model: inputs, predictions and metrics, from profiles.

    A slice is parts with commas between them: 2013-05-01..2013-05-08 (the end excluded), 2013-05-01, 2013-05, last:7d, version:v2,
    role:shadow, reference, and as the last one segment:carrier=AA.
    """
    with session.workspace() as workspace:
        found = workspace.compare_slices(model, left, right, alpha=alpha)
    session.show(found, lambda: _told(found))
    if not session.json:
        for note in found["notes"]:
            session.say(f"note: {note}")
    if fail_on and found["drift"]:
        raise typer.Exit(FOUND)


def _told(found: SliceComparison) -> str:
    sides = (found["reference"], found["current"])
    heads = [f"{side['words']}: {side['rows']:,} rows, {side['labelled']:,} with labels" for side in sides]
    metrics: list[dict[str, Any]] = [
        {
            **metric,
            "told": (f"{metric['better']} better" if metric["better"] else "differs") if metric["apart"] else None,
            "between": _between(metric["lower"], metric["upper"]),
        }
        for metric in found["metrics"]
    ]
    named = {
        "label": "metric",
        "unit": "unit",
        "reference": "left",
        "current": "right",
        "difference": "difference",
        "between": "95 %",
        "told": "beyond chance",
    }
    shown = [{**column, "p": column["p_value"]} for column in found["columns"]]
    columns = {
        "verdict": "verdict",
        "column": "column",
        "kind": "kind",
        "effect": "effect",
        "p": "p",
        "sentence": "in words",
    }
    return "\n".join(
        [
            found["sentence"],
            f"left: {heads[0]}",
            f"right: {heads[1]}",
            "",
            table(metrics, named, "no metrics: there are no labels in both"),
            "",
            table(shown, columns, "no columns"),
        ]
    )


def _between(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.3g} to {high:.3g}"
