"""Jobs, versions and deployments of the fake model. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from service import training_views, views
from service.workspace import ConflictError, NotFoundError
from tests.support import fake_story as story

MODEL = "air_time"


def _iso(moment: datetime) -> str:
    return moment.isoformat()


class FakeLoop:
    """Answers about retraining and rollout; actions change its memory only."""

    weeks: int
    empty: bool

    def __init__(self) -> None:
        self.champion = "v2" if self.weeks > 22 else "v1"
        self.job_list: list[views.JobView] = []

    # -- the loop --------------------------------------------------------------------------------------------------

    def retrain(
        self,
        model: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        alert_id: str | None = None,
        actor: str = "cli",
        request_key: str | None = None,
    ) -> views.JobView:
        running = [job for job in self.job_list if job["state"] in ("queued", "running")]
        if running:
            return running[0]
        at = _iso(story.week(self.weeks)[0])
        job: views.JobView = {
            "id": f"j{len(self.job_list) + 1}",
            "model": model,
            "kind": "train",
            "state": "running",
            "progress": 0.0,
            "step": "reading rows",
            "eta_seconds": 12.0,
            "requested_by": actor,
            "reason": "by hand",
            "alert_id": alert_id,
            "created_at": at,
            "started_at": at,
            "ended_at": None,
            "exit_code": None,
            "error": None,
            "version": None,
            "period": [_iso(story.week(17)[0]), _iso(story.week(22)[0])],
            "log": "09:12:04 read 31,607 rows, 8 columns\n",
        }
        self.job_list.append(job)
        return job

    def jobs(self, model: str | None = None) -> list[views.JobView]:
        return [self.job(job["id"]) for job in self.job_list if model in (None, job["model"])]

    def job(self, job_id: str) -> views.JobView:
        """Return a job; every look takes it a quarter further."""
        job: Any = next((job for job in self.job_list if job["id"] == job_id), None)
        if job is None:
            raise NotFoundError(f"no job {job_id!r}")
        if job["state"] == "running":
            job["progress"] = min(1.0, job["progress"] + 0.25)
            job["log"] += f"09:12:09 fit {job['progress']:.0%}\n"
            if job["progress"] >= 1.0:
                job.update(state="succeeded", exit_code=0, version="v2", step="done", ended_at=job["created_at"])
        return job

    def cancel_job(self, job_id: str, *, actor: str = "cli") -> views.JobView:
        job: Any = self.job(job_id)
        job.update(state="cancelled", exit_code=-15)
        return job

    def versions(self, model: str) -> list[views.VersionView]:
        made = self.weeks > 22 or any(job["version"] for job in self.job_list)
        found = [self._version("v1", story.REFERENCE_MAE, 0, 9)]
        return [self._version("v2", 6.9, 17, 22), *found] if made else found

    def _version(self, name: str, error: float, first: int, last: int) -> views.VersionView:
        gate: list[views.GateRow] = [
            {
                "name": "MAE",
                "champion": 11.33,
                "challenger": 7.29,
                "change": -4.04,
                "lower": -4.3,
                "upper": -3.8,
                "allowed": "better",
                "verdict": "pass",
                "unit": "min",
            },
            {
                "name": "MAE, winter rows",
                "champion": 8.77,
                "challenger": 11.46,
                "change": 2.69,
                "lower": 2.1,
                "upper": 3.2,
                "allowed": "+1.0 at most",
                "verdict": "warn",
                "unit": "min",
            },
        ]
        return {
            "version": name,
            "model": MODEL,
            "role": "champion" if name == self.champion else "candidate" if name == "v2" else "archived",
            "share": None,
            "created_at": _iso(story.week(last)[0]),
            "created_by": "demo",
            "period": [_iso(story.week(first)[0]), _iso(story.week(last)[0])],
            "rows": 6200 * (last - first),
            "trainer": "sklearn",
            "sha256": "3f9c" * 16,
            "reference_version": 1,
            "alert_id": "a1" if name == "v2" else None,
            "job_id": "j1" if name == "v2" else None,
            "gate": gate if name == "v2" else [],
            "gate_verdict": "warned" if name == "v2" else "none",
            "gate_sentence": "v2 is better by 4.04 min; worse on winter rows." if name == "v2" else "",
            "holdout": [_iso(story.week(20)[0]), _iso(story.week(22)[0])] if name == "v2" else None,
            "metrics": {"mae": error},
            "importance": {"distance": 0.8, "dest": 0.1, "carrier": 0.05},
        }

    def deploy(
        self, model: str, version: str, *, role: str = "champion", share: float | None = None, actor: str = "cli"
    ) -> views.VersionView:
        self.champion = version if role == "champion" else self.champion
        return next(v for v in self.versions(model) if v["version"] == version)

    def deployments(self, model: str) -> list[training_views.DeploymentView]:
        if self.empty or model != "air_time":
            return []
        first: training_views.DeploymentView = {
            "at": _iso(story.week(9)[0]), "version": "v1", "role": "champion", "share": None, "actor": "demo", "note": "",
        }  # fmt: skip
        if self.champion == "v1":
            return [first]
        at = _iso(story.week(22)[0])
        return [
            {**first, "at": at, "version": "v2", "note": "because of alert a1"},
            {**first, "at": at, "role": "shadow", "note": "v2 replaced it"},
            first,
        ]

    def rollback(self, model: str, *, actor: str = "cli") -> views.VersionView:
        if self.champion == "v1":
            raise ConflictError("there is nothing to roll back to: v1 is the first version")
        return self.deploy(model, "v1")
