"""``triggers``: what would start a retrain by itself, and what holds it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.cli.data import ModelArgument
from service.cli.session import Session, command, table

if TYPE_CHECKING:
    import typer

_NONE = """nothing starts a retrain of {model} by itself; declare what does, for example

[models.{model}.retrain]
trigger = ["alert", "labels"]
after_labels = 10000"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "triggers")(triggers)


def triggers(session: Session, model: ModelArgument) -> None:
    """List what would start a retrain of a model by itself, and what holds it back."""
    with session.workspace() as workspace:
        found = workspace.triggers(model)
    columns = {"trigger": "trigger", "sentence": "state", "next_at": "next", "held_back": "held back by"}
    session.show(found, lambda: table(found, columns, _NONE.format(model=model)))
