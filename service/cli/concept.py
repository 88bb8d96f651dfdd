"""``concept``: whether the rule from inputs to labels has changed, since when, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, command, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.outcome_views import ConceptView


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "concept")(concept)


def concept(
    session: Session,
    model: ModelArgument,
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector", metavar="NAMES", help="Also run these of river's detectors, such as adwin,ddm; or all."
        ),
    ] = None,
) -> None:
    """Show the sequential test on the loss: evidence by step, and since when and how the loss is up."""
    with session.workspace() as workspace:
        found = workspace.concept(model)
        ranked = workspace.model(model)["task"] == "ranking"
        if detector is None:
            session.show(found, lambda: _ours(found, model, ranked=ranked))
            return
        names = None if detector == "all" else [name.strip() for name in detector.split(",") if name.strip()]
        theirs = workspace.detectors(model, names)
    session.show(
        {"concept": found, "detectors": theirs}, lambda: f"{_ours(found, model, ranked=ranked)}\n\n{_theirs(theirs)}"
    )


def _ours(found: ConceptView | None, model: str, *, ranked: bool) -> str:
    if found is None:
        if ranked:
            return "there is nothing to test: what a list is worth is no loss of single rows; rankings are judged by window alone"
        return f"there is nothing to test: {model} has no reference with labels; make one with `driftdeck reference {model} FILE`"
    columns = {"start": "step", "n": "labels", "loss": found["loss"], "evidence": "evidence", "alarm": "alarm"}
    rows: list[dict[str, Any]] = [
        {
            **step,
            "loss": None if step["loss"] is None else f"{step['loss']:.4g}",
            "evidence": f"{step['evidence']:.3g}",
            "alarm": "alarm" if step["alarm"] else None,
        }
        for step in found["steps"]
    ]
    lines = [table(rows, columns, f"no labels have been counted yet; `driftdeck run {model}` does it"), ""]
    lines.append(
        f"an alarm at {found['threshold']:,.0f}: without a change, one in {found['average_run_length']:,.0f} steps or fewer"
    )
    if found["onset"] is not None:
        lines.append(
            f"onset {found['onset']} (95 %: {found['onset_lower']} to {found['onset_upper']}), {found['shape']}"
        )
    return "\n".join([*lines, found["sentence"]])


def _theirs(found: Sequence[dict[str, Any]]) -> str:
    columns = {
        "detector": "detector",
        "watches": "watches",
        "rows": "rows",
        "alarms": "alarms",
        "dates": "event times of the rows that fired",
    }
    rows = [{**each, "alarms": len(each["alarms"]), "dates": _dates(each["alarms"])} for each in found]
    return table(rows, columns, "no losses to watch yet")


def _dates(alarms: Sequence[dict[str, Any]]) -> str:
    shown = [alarm["event_time"][:16] for alarm in alarms[:5]]
    return ", ".join(shown) + (f" and {len(alarms) - 5} more" if len(alarms) > 5 else "")
