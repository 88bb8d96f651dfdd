"""``segments``: where, inside the whole, something is wrong."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, SinceOption, UntilOption, command, parse_time, table

if TYPE_CHECKING:
    from service.workspace import Workspace


class By(StrEnum):
    """What segments can be looked at for."""

    drift = "drift"
    performance = "performance"


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "segments")(segments)


def segments(
    session: Session,
    model: ModelArgument,
    by: Annotated[By, typer.Option("--by", help="What to look for.")] = By.drift,
    window: Annotated[
        datetime | None,
        typer.Option("--window", parser=parse_time, metavar="TIME", help="Window that holds it [default: the latest]."),
    ] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="This one only, such as carrier=AA.")] = None,
    column: Annotated[str | None, typer.Option("--column", help="Drift of this column only.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
) -> None:
    """List segments, the worst first: columns that drifted inside of them, or how good the model is there."""
    with session.workspace() as workspace:
        found: list[Any] = []
        if by is By.drift:
            found += workspace.segment_drift(model, window, segment=segment, column=column, limit=limit)
        else:
            found += _performance(workspace, model, since, until, limit)
    columns = {
        "segment": "segment", "column": "column", "verdict": "verdict", "shift": "shift (sd)", "scale": "windows", "value": "value",
        "threshold": "threshold", "n": "rows",
    } if by is By.drift else {
        "segment": "segment", "value": "value", "reference": "reference", "current": "now", "n": "rows",
    }  # fmt: skip
    empty = f'nothing to show: declare `segments = ["column"]`, freeze a reference and `driftdeck run {model}`'
    session.show(found, lambda: table(found, columns, empty))


def _performance(
    workspace: Workspace, model: str, since: datetime | None, until: datetime | None, limit: int
) -> list[Any]:
    """Return the performance inside segments in a stretch (default: the latest closed window with labels)."""
    windows = [window for window in workspace.windows(model) if window["closed"] and window["labels"]]
    if not windows and (since is None or until is None):
        return []
    start = since or datetime.fromisoformat(windows[-1]["start"])
    end = until or datetime.fromisoformat(windows[-1]["end"])
    return list(workspace.segment_errors(model, start, end, limit=limit))
