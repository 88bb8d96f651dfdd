"""How many alerts, jobs and messages there are, counted where they lie."""

from __future__ import annotations

import json

from storage.control_base import ControlBase, Json

_LATEST = "seq IN (SELECT max(seq) FROM {table} GROUP BY {key})"


class ControlFigures(ControlBase):
    """Counts for whoever watches from outside."""

    def resolved_alerts(self) -> list[tuple[str, str, str, int]]:
        """Return (model, kind, severity, number) of the alerts that are over."""
        rows = self._rows(
            "SELECT model, json_extract(alert, '$.kind') AS kind, json_extract(alert, '$.severity') AS severity, count(*) AS n "
            f"FROM alert_event WHERE {_LATEST.format(table='alert_event', key='alert_id')} AND state = 'resolved' "
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        return [(row["model"], row["kind"], row["severity"], row["n"]) for row in rows]

    def every_open_alert(self) -> list[Json]:
        """Return the alerts of all models that are not resolved."""
        rows = self._rows(
            f"SELECT alert FROM alert_event WHERE {_LATEST.format(table='alert_event', key='alert_id')} "
            "AND state <> 'resolved' ORDER BY seq"
        )
        return [json.loads(row["alert"]) for row in rows]

    def job_counts(self) -> list[tuple[str, str, int]]:
        """Return (model, state, number) of training jobs."""
        rows = self._rows(
            "SELECT model, state, count(*) AS n FROM job_event "
            f"WHERE {_LATEST.format(table='job_event', key='job_id')} GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [(row["model"], row["state"], row["n"]) for row in rows]

    def message_counts(self) -> list[tuple[str, str, int]]:
        """Return (channel, state, number) of messages."""
        rows = self._rows("SELECT channel, state, count(*) AS n FROM outbox GROUP BY 1, 2 ORDER BY 1, 2")
        return [(row["channel"], row["state"], row["n"]) for row in rows]

    def latest_runs(self) -> dict[str, Json]:
        """Return the latest run of each model's monitor that has ended."""
        rows = self._rows(
            "SELECT model, run FROM model_run WHERE seq IN (SELECT max(seq) FROM model_run WHERE state <> 'running' GROUP BY model)"
        )
        return {row["model"]: json.loads(row["run"]) for row in rows}
