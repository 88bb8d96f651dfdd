"""Runs of monitors, as they began and as they ended."""

from __future__ import annotations

import json
from typing import Any

from storage.control_base import ControlBase, to_json

_KEPT = 2000  # events of a model; two make a run, and a long one tells now and then how far it is


class Runs(ControlBase):
    """Runs of monitors. A run is a JSON object with at least ``run_id``, ``model`` and ``state``; its latest event counts."""

    def append_model_run(self, run: dict[str, Any]) -> None:
        """Record that a run has begun, how far it is or that it has ended; events of long ago are let go of."""
        with self._transaction() as con:
            con.execute(
                "INSERT INTO model_run (run_id, model, state, run) VALUES (?, ?, ?, ?)",
                (run["run_id"], run["model"], run["state"], to_json(run)),
            )
            con.execute(
                "DELETE FROM model_run WHERE model = ? AND seq <= "
                "(SELECT seq FROM model_run WHERE model = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                (run["model"], run["model"], _KEPT),
            )

    def model_runs(self, model: str | None, limit: int) -> list[dict[str, Any]]:
        """Return the latest runs of a model (None: of all of them), those that began last first."""
        where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
        rows = self._rows(
            "SELECT run FROM (SELECT max(seq) AS last, min(seq) AS first FROM model_run "
            f"{where} GROUP BY run_id ORDER BY first DESC LIMIT ?) JOIN model_run ON seq = last ORDER BY first DESC",
            (*values, limit),
        )
        return [json.loads(row["run"]) for row in rows]

    def unfinished_model_runs(self) -> list[dict[str, Any]]:
        """Return the runs of which no end is recorded, oldest first."""
        rows = self._rows(
            "SELECT run FROM model_run WHERE seq IN (SELECT max(seq) FROM model_run GROUP BY run_id) "
            "AND state = 'running' ORDER BY seq"
        )
        return [json.loads(row["run"]) for row in rows]
