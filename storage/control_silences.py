"""When nobody need be told: silences, append-only, and declared maintenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reference_data.alerting import Maintenance
from storage.control_base import ControlBase, Json, to_json, to_text


@dataclass(frozen=True, slots=True)
class MaintenanceRecord:
    """A declared maintenance: what was declared, where, and when it was last changed."""

    spec: Maintenance
    declared_in: str
    changed_at: datetime


class Silences(ControlBase):
    """When nobody need be told. Silences are JSON objects here; who calls gives them their types."""

    def put_silence(self, silence: Mapping[str, Any]) -> None:
        """Record a silence (with its ``id``), or what became of it: the latest record of an id is what it is."""
        with self._transaction() as con:
            con.execute("INSERT INTO silence (id, silence) VALUES (?, ?)", (silence["id"], to_json(silence)))

    def silences(self, after: int = 0) -> list[tuple[int, Json]]:
        """Return the records of silences with a number above ``after``, oldest first: (number, what the silence became by it)."""
        rows = self._rows("SELECT seq, silence FROM silence WHERE seq > ? ORDER BY seq", (after,))
        return [(row["seq"], json.loads(row["silence"])) for row in rows]

    def put_maintenance(self, maintenance: Maintenance, declared_in: str, actor: str, at: datetime) -> None:
        """Declare a maintenance, or declare it anew; its time of creation stays."""
        moment = to_text(at)
        with self._transaction() as con:
            con.execute(
                "INSERT INTO maintenance (name, spec, declared_in, actor, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, declared_in = excluded.declared_in, "
                "actor = excluded.actor, changed_at = excluded.changed_at",
                (maintenance.name, maintenance.model_dump_json(), declared_in, actor, moment, moment),
            )

    def maintenance_records(self) -> dict[str, MaintenanceRecord]:
        """Return every declared maintenance by name, in alphabetical order."""
        return {
            row["name"]: MaintenanceRecord(
                Maintenance.model_validate_json(row["spec"]),
                row["declared_in"],
                datetime.fromisoformat(row["changed_at"]),
            )
            for row in self._rows("SELECT * FROM maintenance ORDER BY name")
        }
