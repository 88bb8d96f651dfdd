"""``labels``, ``feedback``: what is known of the truth, and what users say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, command, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.data_views import FeedbackPoint, LabelEntry, LabelSummary


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "labels")(labels)
    command(app, "feedback")(feedback)


def labels(
    session: Session,
    model: ModelArgument,
    prediction_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Every label and feedback of this prediction.")
    ] = None,
    windows: Annotated[int, typer.Option("--windows", min=1, help="So many of the latest.")] = 20,
) -> None:
    """Show how many labels came, how late, and how many were corrected, as of the last run."""
    with session.workspace() as workspace:
        if prediction_id is not None:
            entries = workspace.label_history(model, prediction_id)
            session.show(entries, lambda: _history(entries, prediction_id))
            return
        summary = workspace.labels(model, windows=windows)
    session.show(summary, lambda: _summary(summary, model))


def feedback(
    session: Session,
    model: ModelArgument,
    kind: Annotated[str | None, typer.Option("--kind", help="This kind only.")] = None,
) -> None:
    """List what users said of predictions, by kind and window, as of the last run."""
    with session.workspace() as workspace:
        points = workspace.feedback(model, kind)
    session.show(points, lambda: _feedback(points, model))


def _history(entries: Sequence[LabelEntry], prediction_id: str) -> str:
    columns = {
        "kind": "kind", "value": "value", "label_time": "known since", "arrival_time": "arrived", "current": "in force",
    }  # fmt: skip
    return table(entries, columns, f"no label or feedback of {prediction_id!r} has come")


def _summary(summary: LabelSummary, model: str) -> str:
    columns = {
        "start": "window", "rows": "rows", "labelled": "labelled", "share": "share", "expected": "expected", "corrected": "corrected",
        "lag_p10": "lag P10 (h)", "lag_p50": "P50", "lag_p90": "P90", "mature": "mature",
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        {**window, "share": _percent(window["coverage"]), "expected": _percent(window["expected_coverage"])}
        for window in summary["windows"]
    ]
    total = f"{summary['labelled']:,} labelled, {summary['corrected']:,} corrected, {summary['orphans']:,} without a prediction"
    return table(rows, columns, f"nothing measured yet; `driftdeck run {model}` does it") + f"\n{total}"


def _feedback(points: Sequence[FeedbackPoint], model: str) -> str:
    columns = {
        "kind": "kind", "start": "window", "n": "rows", "covered": "of all rows", "mean": "mean", "told": "shares",
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        {
            **point,
            "covered": _percent(point["coverage"]),
            "told": ", ".join(f"{value} {_percent(share)}" for value, share in point["shares"].items()) or None,
        }
        for point in points
    ]
    return table(
        rows, columns, f"no feedback yet; declare its kinds under [models.{model}.feedback] and send it like labels"
    )


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
