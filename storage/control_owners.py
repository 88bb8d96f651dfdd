"""Who owns what is declared: a file or the dashboard; and taking a declaration back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.control_base import ControlBase
from storage.errors import MissingRecordError

#: Everything that can be declared, in the order in which a file has it. Each has a table of its name.
KINDS = ("model", "channel", "maintenance", "source")
#: What can be taken back: a model's data, references and versions hang on its declaration.
REMOVABLE = ("channel", "maintenance", "source")


@dataclass(frozen=True, slots=True)
class Owned:
    """One declared thing. ``spec`` is the JSON that is kept of it."""

    kind: str
    name: str
    spec: dict[str, Any]
    declared_in: str  # file | dashboard
    actor: str
    changed_at: datetime


class Owners(ControlBase):
    """The four tables of declarations, seen as one."""

    def owned(self, kind: str | None = None) -> list[Owned]:
        """Return everything that is declared (of one kind), by kind and name."""
        return [
            Owned(
                each,
                row["name"],
                json.loads(row["spec"]),
                row["declared_in"],
                row["actor"],
                datetime.fromisoformat(row["changed_at"]),
            )
            for each in KINDS
            if kind in (None, each)
            for row in self._rows(f"SELECT name, spec, declared_in, actor, changed_at FROM {each} ORDER BY name")
        ]

    def remove_declared(self, kind: str, name: str) -> None:
        """Take a declaration back; raises :class:`MissingRecordError` if there is none, :class:`ValueError` for a kind that stays."""
        if kind not in REMOVABLE:
            raise ValueError(f"a {kind} cannot be taken back; {', '.join(REMOVABLE)} can")
        with self._transaction() as con:
            if not con.execute(f"DELETE FROM {kind} WHERE name = ?", (name,)).rowcount:
                raise MissingRecordError(f"no {kind} {name!r} is declared")
