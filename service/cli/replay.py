"""``replay``: what to expect of a monitor, before it goes live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, command, table

if TYPE_CHECKING:
    from service import views


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "replay")(replay)


def replay(
    session: Session,
    model: ModelArgument,
    warnings_per_year: Annotated[
        float | None,
        typer.Option("--warnings-per-year", metavar="N", help="Under this budget instead of the declared one."),
    ] = None,
) -> None:
    """Play the reference through its own monitor: false alerts to expect, and how small a change is found."""
    with session.workspace() as workspace:
        view = workspace.replay(model, warnings_per_year=warnings_per_year)
    session.show(view, lambda: _words(view))


def _words(view: views.ReplayView) -> str:
    parts = [
        (
            f"{view['model']}: {view['windows']} windows of reference {view['reference_version']} replayed, "
            f"{view['rows_per_window']:,.0f} rows each"
        ),
        view["summary"],
        (
            f"budget: {view['budget_warnings_per_year']:g} false warnings and {view['budget_pages_per_year']:g} false pages a year; "
            f"expected: {view['expected_warnings_per_year']:.2g} and {view['expected_pages_per_year']:.2g}"
        ),
    ]
    if view["alerts"]:
        rows: list[dict[str, Any]] = [dict(alert) for alert in view["alerts"]]
        heads = {"window_start": "window", "severity": "severity", "column": "column", "sentence": "would have said"}
        parts.append(table(rows, heads, ""))
    for unit, words in (("standard deviations", "sd"), ("share", "points of the largest category")):
        mine = [own for own in view["sensitivity"] if own["unit"] == unit]
        if mine:
            scale = 1 if unit != "share" else 100
            heads = {"column": f"found half of the time ({words})"} | {str(n): f"{n}" for n in mine[0]["windows"]}
            shown = [
                {"column": own["column"]}
                | {str(n): f"{scale * shift:.2g}" for n, shift in zip(own["windows"], own["shifts"], strict=True)}
                for own in mine
            ]
            parts.append(table(shown, heads, ""))
    return "\n\n".join([*parts, *(f"advice: {words}" for words in view["advice"])])
