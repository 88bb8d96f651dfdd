"""``gate``: how a version did against its champion, line by line, and as a page for whoever has no Driftdeck."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.data import ModelArgument
from service.cli.session import Session, command, printable, table

if TYPE_CHECKING:
    from service.views import VersionView

_COLUMNS = {
    "verdict": "gate", "name": "check", "champion": "champion", "challenger": "challenger", "change": "change", "lower": "from",
    "upper": "to", "unit": "unit", "allowed": "allowed",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "gate")(gate)


def gate(
    session: Session,
    model: ModelArgument,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="As `versions` lists it.")],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report there: one file, no network needed.")
    ] = None,
) -> None:
    """Show how a version did against its champion on rows that neither has seen; the interval is of the change, 95 %."""
    from service.workspace import NotFoundError

    with session.workspace() as workspace:
        found = {view["version"]: view for view in workspace.versions(model)}
        if version not in found:
            known = ", ".join(found) or "none"
            raise NotFoundError(f"model {model!r} has no version {version!r}; it has: {known}")
        if html is not None:
            html.write_bytes(workspace.gate_report(model, version).read_bytes())
            session.say(f"written to {html}")
    view = found[version]
    told: dict[str, Any] = {
        "model": model, "version": version, "verdict": view["gate_verdict"], "sentence": view["gate_sentence"], "rows": view["gate"],
        "holdout": view["holdout"], "report": None if html is None else str(html),
    }  # fmt: skip
    session.show(told, lambda: _words(view))


def _words(view: VersionView) -> str:
    lines = table(view["gate"], _COLUMNS, "this version was not held against another")
    return f"{view['gate_verdict']}: {printable(view['gate_sentence'])}\n\n{lines}"
