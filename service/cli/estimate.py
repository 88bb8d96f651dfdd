"""``estimate``: how good the model is before its labels are there."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, command, table

_BLIND = (
    "Estimates rest on the inputs alone: a changed rule from inputs to labels shows in the gap only, once labels come."
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "estimate")(estimate)


def estimate(
    session: Session,
    model: ModelArgument,
    metric: Annotated[str | None, typer.Option("--metric", help="This one [default: the headline metric].")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The latest so many windows.")] = 30,
) -> None:
    """Show performance estimated without labels, window by window, with its interval and with what came of it."""
    with session.workspace() as workspace:
        found = workspace.estimates(model, metric)
        ranked = workspace.model(model)["task"] == "ranking"
    shown = [
        {**point, "window": point["start"][:16], "sign": "concept drift" if point["gap_significant"] else ""}
        for point in found[-limit:]
    ]
    columns = {
        "window": "window", "model_version": "version", "metric": "metric", "value": "estimate", "lower": "from", "upper": "to",
        "threshold": "limit", "realised": "realised", "gap": "gap", "sign": "sign of", "verdict": "verdict", "n": "rows",
    }  # fmt: skip
    empty = f"no estimates yet: they need a reference with labels and predictions; then `driftdeck run {model}`"
    if ranked:
        empty = "rankings have no estimates: what a list is worth is known by its labels alone"
    session.show(
        found, lambda: table(shown, columns, empty) + (f"\n{found[-1]['sentence']}\n{_BLIND}" if found else "")
    )
