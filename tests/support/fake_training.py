"""Studies before a retrain, and where versions come from, of the fake model. All numbers are INVENTED TEST DATA."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from service import training_views, views
from service.workspace import ConflictError
from tests.support import fake_story as story

_SIZES = [(500, 11.9), (1000, 10.6), (2000, 9.7), (4000, 9.1), (8000, 8.82), (16000, 8.79), (28375, 8.78)]


class FakeTraining:
    """Answers about training; actions change its memory only."""

    empty: bool
    job_list: list[views.JobView]

    def __init__(self) -> None:
        self.studied: set[str] = set()

    def study(
        self,
        model: str,
        kind: Literal["learning_curve", "backtest"],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str = "cli",
    ) -> views.JobView:
        self.studied.add(kind)
        at = story.week(22)[0].isoformat()
        return {
            "id": f"s-{kind}", "model": model, "kind": kind, "state": "succeeded", "progress": 1.0, "step": "done",
            "eta_seconds": None, "requested_by": actor, "reason": "", "alert_id": None, "created_at": at, "started_at": at,
            "ended_at": at, "exit_code": 0, "error": None, "version": None, "period": [], "log": "",
        }  # fmt: skip

    def learning_curve(self, model: str) -> training_views.CurveView | None:
        if "learning_curve" not in self.studied:
            return None
        return {
            "job_id": "s-learning_curve", "model": model, "metric": "mae", "unit": "min", "direction": "higher_is_worse",
            "period": [story.week(17)[0].isoformat(), story.week(22)[0].isoformat()],
            "points": [
                {"rows": rows, "value": value, "lower": value - 300 / rows, "upper": value + 300 / rows, "seconds": rows / 9000}
                for rows, value in _SIZES
            ],
            "levels_off": 8000,
            "sentence": "8,000 rows are as good as all 28,375: MAE 8.82 min against 8.78 min, within their noise.",
        }  # fmt: skip

    def backtest(self, model: str) -> training_views.BacktestView | None:
        if "backtest" not in self.studied:
            return None
        rows: list[tuple[str, str, float, float]] = [
            ("since change", "rows since the change of 30 Apr", 8.8, 0.0),
            ("last 4w", "the latest four weeks", 9.0, 0.2),
            ("weighted", "all rows, those 8 weeks older count half", 10.4, 1.6),
            ("all", "all labelled rows", 12.1, 3.3),
            ("champion", "what serves now", 12.6, 3.8),
        ]
        return {
            "job_id": "s-backtest", "model": model, "metric": "mae", "unit": "min", "direction": "higher_is_worse",
            "rows": [
                {
                    "name": name, "words": words, "since": story.week(17)[0].isoformat(), "until": None, "rows": 24_000, "value": value,
                    "lower": value - 0.3, "upper": value + 0.3, "change": change, "change_lower": change - 0.2,
                    "change_upper": change + 0.2, "folds": 3,
                }
                for name, words, value, change in rows
            ],
            "best": "since change",
            "sentence": "Rows since the change of 30 Apr fit best: MAE 8.80 min on the weeks that followed, against 12.1 min with all rows.",
        }  # fmt: skip

    def triggers(self, model: str) -> list[training_views.TriggerView]:
        return [
            {
                "model": model, "trigger": "labels", "armed": True, "next_at": None, "progress": 0.42, "held_back": None,
                "sentence": "After 10,000 new labels: 4,200 have come.",
            }
        ]  # fmt: skip

    def retrain_again(self, job_id: str, *, actor: str = "cli") -> views.JobView:
        raise ConflictError("the fake workspace trains nothing again")

    def lineage(self, model: str, version: str) -> training_views.LineageView:
        return {
            "version": version, "model": model, "origin": "job", "created_at": story.week(22)[0].isoformat(), "created_by": "ana",
            "alert_id": "a1", "job_id": "j1", "reason": "since the alert's first window",
            "period": [story.week(17)[0].isoformat(), story.week(22)[0].isoformat()], "rows": 28_375, "data_sha256": "ab" * 32,
            "query": "event time from 2013-04-30 to 2013-06-04, labelled", "code_sha256": "cd" * 32, "trainer": "sklearn",
            "params": {"max_iter": 200}, "seed": 0, "libraries": {"scikit-learn": "1.9.0"}, "environment": {"python": "3.11.7"},
            "reference_version": 2, "artefact_sha256": "ef" * 32, "artefact_format": "skops", "artefact_bytes": 412_000, "notes": [],
            "deployments": [], "baselines": [{"name": "a linear model", "metric": "mae", "value": 9.9}],
        }  # fmt: skip

    def gate_report(self, model: str, version: str) -> Path:
        raise ConflictError("the fake workspace writes no reports")

    def import_version(
        self, model: str, path: Path, *, version: str | None = None, comment: str = "", actor: str = "cli"
    ) -> views.VersionView:
        raise ConflictError("the fake workspace takes in no models")

    def export_version(self, model: str, version: str, format: Literal["artefact", "onnx", "parameters"]) -> Path:  # noqa: A002
        raise ConflictError("the fake workspace gives out no models")

    def prune_versions(self, model: str, *, keep: int, actor: str = "cli") -> list[dict[str, Any]]:
        return []
