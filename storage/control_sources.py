"""Sources as they were declared, and every run of theirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reference_data.declaration import Source
from storage.control_base import ControlBase, to_json, to_text

_KEPT = 2000  # events of a source; two make a run


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A declared source: what was declared, where, and when it was last changed."""

    spec: Source
    declared_in: str
    changed_at: datetime


class Sources(ControlBase):
    """Sources and their runs. A run is a JSON object with at least ``run_id``, ``source`` and ``state``; its latest event counts."""

    def put_source(self, source: Source, declared_in: str, actor: str, at: datetime) -> None:
        """Declare a source, or declare it anew; its time of creation stays."""
        moment = to_text(at)
        with self._transaction() as con:
            con.execute(
                "INSERT INTO source (name, spec, declared_in, actor, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, declared_in = excluded.declared_in, "
                "actor = excluded.actor, changed_at = excluded.changed_at",
                (source.name, source.model_dump_json(), declared_in, actor, moment, moment),
            )

    def source_records(self) -> dict[str, SourceRecord]:
        """Return every declared source by name, in alphabetical order."""
        return {
            row["name"]: SourceRecord(
                Source.model_validate_json(row["spec"]), row["declared_in"], datetime.fromisoformat(row["changed_at"])
            )
            for row in self._rows("SELECT * FROM source ORDER BY name")
        }

    def append_source_run(self, run: dict[str, Any]) -> None:
        """Record that a run has begun or ended; events of long ago are let go of."""
        with self._transaction() as con:
            con.execute(
                "INSERT INTO source_run (run_id, source, state, run) VALUES (?, ?, ?, ?)",
                (run["run_id"], run["source"], run["state"], to_json(run)),
            )
            con.execute(
                "DELETE FROM source_run WHERE source = ? AND seq <= "
                "(SELECT seq FROM source_run WHERE source = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                (run["source"], run["source"], _KEPT),
            )

    def source_runs(self, source: str, limit: int) -> list[dict[str, Any]]:
        """Return the latest runs of a source, latest first."""
        rows = self._rows(
            "SELECT run FROM source_run WHERE seq IN (SELECT max(seq) FROM source_run WHERE source = ? GROUP BY run_id "
            "ORDER BY min(seq) DESC LIMIT ?) ORDER BY (SELECT min(seq) FROM source_run AS first WHERE first.run_id = source_run.run_id) DESC",
            (source, limit),
        )
        return [json.loads(row["run"]) for row in rows]

    def unfinished_source_runs(self) -> list[dict[str, Any]]:
        """Return the runs of which no end is recorded, oldest first."""
        rows = self._rows(
            "SELECT run FROM source_run WHERE seq IN (SELECT max(seq) FROM source_run GROUP BY run_id) "
            "AND state = 'running' ORDER BY seq"
        )
        return [json.loads(row["run"]) for row in rows]
