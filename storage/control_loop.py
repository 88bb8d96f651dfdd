"""Jobs, registered versions and deployments: append-only, current state folded from the events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storage.control_base import ControlBase, Json, to_json, to_text
from storage.errors import AlreadyExistsError, MissingRecordError

ACTIVE = ("queued", "running")
_LATEST = "SELECT job FROM job_event WHERE seq IN (SELECT max(seq) FROM job_event {where} GROUP BY job_id)"
_BEGUN = "(SELECT min(seq) FROM job_event e WHERE e.job_id = job_event.job_id)"


class Loop(ControlBase):
    """What was trained, registered and put into service."""

    def append_job_event(self, job: Mapping[str, Any]) -> None:
        """Record a job's state; ``job`` is its whole JSON with ``id``, ``model`` and ``state``."""
        with self._transaction() as con:
            con.execute(*_job_event(job))

    def start_job_once(self, job: Mapping[str, Any]) -> Json:
        """Record a new job unless its model has one queued or running, or its ``request_key`` was used before.

        Returns the job that there is then: the new one or the earlier one (in its present state).
        """
        with self._transaction() as con:
            earlier = self._same_request(job.get("request_key")) or self._active(str(job["model"]))
            if earlier is not None:
                return earlier
            con.execute(*_job_event(job))
            return dict(job)

    def _same_request(self, key: str | None) -> Json | None:
        if key is None:
            return None
        row = self._row("SELECT job_id FROM job_event WHERE request_key = ? LIMIT 1", (key,))
        return None if row is None else self.job(row["job_id"])

    def _active(self, model: str) -> Json | None:
        active = [job for job in self.jobs(model) if job["state"] in ACTIVE]
        return active[-1] if active else None

    def jobs(self, model: str | None = None) -> list[Json]:
        """Return every job as its latest event left it, oldest first."""
        where, values = ("", ()) if model is None else ("WHERE model = ?", (model,))
        rows = self._rows(_LATEST.format(where=where) + f" ORDER BY {_BEGUN}", values)
        return [json.loads(row["job"]) for row in rows]

    def job(self, job_id: str) -> Json:
        """Return one job; raises :class:`MissingRecordError`."""
        row = self._row("SELECT job FROM job_event WHERE job_id = ? ORDER BY seq DESC LIMIT 1", (job_id,))
        if row is None:
            raise MissingRecordError(f"no job {job_id!r}; `driftdeck jobs` lists those there are")
        found: Json = json.loads(row["job"])
        return found

    def put_version(self, record: Mapping[str, Any]) -> None:
        """Register a version; ``record`` is its JSON with ``model`` and ``version``.

        Raises :class:`AlreadyExistsError` when that version is registered: versions are never changed.
        """
        with self._transaction() as con:
            key = (record["model"], record["version"])
            if con.execute("SELECT 1 FROM model_version WHERE model = ? AND version = ?", key).fetchone():
                raise AlreadyExistsError(
                    f"version {key[1]} of model {key[0]} is registered already, and versions are never changed"
                )
            con.execute("INSERT INTO model_version (model, version, record) VALUES (?, ?, ?)", (*key, to_json(record)))

    def versions(self, model: str) -> list[Json]:
        """Return the model's registered versions, oldest first."""
        rows = self._rows("SELECT record FROM model_version WHERE model = ? ORDER BY seq", (model,))
        return [json.loads(row["record"]) for row in rows]

    def append_deployment_event(
        self,
        model: str,
        version: str,
        role: str,
        *,
        share: float | None = None,
        reference_version: int | None = None,
        actor: str,
        at: datetime,
        note: str = "",
    ) -> None:
        """Record that a version was given a role; ``note`` says why (``rollback``, …)."""
        with self._transaction() as con:
            con.execute(
                "INSERT INTO deployment_event (model, version, role, share, reference_version, actor, at, note) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (model, version, role, share, reference_version, actor, to_text(at), note),
            )

    def deployment_events(self, model: str) -> list[Json]:
        """Return the model's deployments, oldest first, each with ``seq`` and the arguments of :meth:`append_deployment_event`."""
        return [
            dict(row) for row in self._rows("SELECT * FROM deployment_event WHERE model = ? ORDER BY seq", (model,))
        ]


def _job_event(job: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    sql = "INSERT INTO job_event (job_id, model, state, request_key, job) VALUES (?, ?, ?, ?, ?)"
    return sql, (job["id"], job["model"], job["state"], job.get("request_key"), to_json(job))
