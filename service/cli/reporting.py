"""On the command line: reports to keep and to send: of a model or window, and the week in one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    del app
