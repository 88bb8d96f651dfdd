"""Columns that came otherwise than declared, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.local.convert import iso
from storage.observed import observations

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.data_views import SchemaEvent
    from service.local.core import Core
    from storage.observed import Observation


def events(core: Core, model: str) -> list[SchemaEvent]:
    """Return what was noticed of a model's columns, latest first, each with what to do about it."""
    spec = core.spec(model)
    with core.db.cursor() as con:
        found = observations(con, model)
    return [
        {
            "column": seen.column,
            "event": seen.event,
            "type": seen.type,
            "rows": seen.rows,
            "seen_at": iso(seen.seen_at, spec.zone),
            "words": _words(spec, seen),
        }
        for seen in found
    ]


def _words(spec: ModelSpec, seen: Observation) -> str:
    name, rows = repr(seen.column), f"{seen.rows:,} row{'' if seen.rows == 1 else 's'}"
    declared = (spec.features | spec.context).get(seen.column)
    match seen.event:
        case "appeared" if declared is not None:
            return f"{name} came along undeclared with {rows}; it is declared {declared} since."
        case "appeared":
            return (
                f"{name} came along with {rows} and is not declared, so its values are not kept: declare it {seen.type}, among "
                "features or context, or stop sending it."
            )
        case "widened" if declared == seen.type:
            return f"{rows} held values of {name} that were refused; it is declared {declared} since, which takes them."
        case "widened" if seen.type == "categorical":
            return (
                f"{rows} held values of {name} that are not {declared} and were refused: correct them at their source, or declare "
                "it categorical; earlier values are kept as text then."
            )
        case "widened":
            return (
                f"{rows} held values of {name} that are not {declared} and were refused: correct them at their source, or send "
                f"them as a {seen.type} column of another name."
            )
        case "disappeared":
            return (
                f"A batch of {rows} had no column {name}, which rows had before: its values are missing until it is back; ask "
                "who sends it, or take it out of the declaration."
            )
        case "returned":
            return f"{name} is back."
        case _:
            return (
                f"{rows} came with times in {name} of more than a day after they arrived: they are kept, and are looked at when "
                "their time has come; check the clock and the time zone of who sends them."
            )
