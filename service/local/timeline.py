"""What happened lately in all models: alerts, deployments, retraining, and data that did not come."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from service.local.convert import iso
from service.local.sources import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service import views
    from service.local.core import Core

LOOKED_BACK = 100  # runs of a source
_DONE = {"retrain": 1, "job": 1, "deploy": 2, "rollback": 2}
_FAILED = ("failed", "lost")


def timeline(core: Core, limit: int, model: str | None = None) -> list[views.TimelineItem]:
    """Return what happened in all models (or one), the latest first; times are of each model's zone."""
    if model is not None:
        core.record(model)
    zones = {name: record.spec.zone for name, record in core.control.model_records().items() if model in (None, name)}
    found = [*_alerts(core, model), *_jobs(core, model), *_sources(core, model)]
    found += [event for name in zones for event in _deployments(core, name)]
    # of one moment, what was done follows what was found
    found.sort(key=lambda pair: (pair[0], _DONE.get(pair[1]["kind"], 0)), reverse=True)
    known = [(at, item) for at, item in found if item["model"] in zones][:limit]
    for at, item in known:
        item["at"] = iso(at, zones[item["model"]])
    return [item for _, item in known]


_Event = tuple[datetime, "views.TimelineItem"]


def _event(at: str | datetime, kind: str, model: str, sentence: str, **more: Any) -> _Event:
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    item: Any = {"at": "", "kind": kind, "model": model, "sentence": sentence, "alert_id": None, "version": None}
    item.update(more)
    return moment.astimezone(UTC), item


def _alerts(core: Core, model: str | None) -> Iterator[_Event]:
    for row in core.control.alerts(model):
        yield _event(row["opened_at"], row["severity"], row["model"], row["headline"], alert_id=row["id"])
        if row["resolved_at"]:
            words = f"resolved: {row['headline']}"
            yield _event(row["resolved_at"], "resolved", row["model"], words, alert_id=row["id"])


def _deployments(core: Core, model: str) -> Iterator[_Event]:
    for event in core.deployments(model):
        verb = {"rollback": "rolled back to", "champion": "promoted"}.get(event.action, f"made {event.action}:")
        kind = "rollback" if event.action == "rollback" else "deploy"
        yield _event(event.at, kind, model, f"{verb} {event.version}, by {event.actor}", version=event.version)


def _jobs(core: Core, model: str | None) -> Iterator[_Event]:
    """Return what became of training; of studies only those that failed, for they change nothing."""
    for job in core.control.jobs(model):
        if not job["ended_at"]:
            continue
        name = "training" if job["kind"] == "retrain" else job["kind"].replace("_", " ")
        more = {"version": job["version"], "job_id": job["id"]}
        if job["state"] in _FAILED:
            words = (
                f"{name} {'was lost' if job['state'] == 'lost' else 'failed'}: {job['error'] or 'no error was told'}"
            )
            yield _event(job["ended_at"], "job", job["model"], words, **more)
        elif job["kind"] == "retrain":
            words = f"{job['version']} trained" if job["version"] else f"{name} {job['state']}"
            yield _event(job["ended_at"], "retrain", job["model"], words, **more)


def _sources(core: Core, model: str | None) -> Iterator[_Event]:
    """Return each unbroken series of failed runs as one event where it began, and one where rows came again."""
    for name, record in core.control.source_records().items():
        if model not in (None, record.spec.model):
            continue
        runs = [run for run in core.control.source_runs(name, LOOKED_BACK) if run["state"] in ("done", "failed")]
        told = [run for run in reversed(runs) if run["error"] not in INTERRUPTED]  # the service was stopped, no more
        failed: list[dict[str, Any]] = []
        for state, group in groupby(told, key=lambda run: run["state"]):
            series = list(group)
            if state == "failed":
                failed = series
                yield _event(series[0]["started_at"], "source", record.spec.model, _failing(name, series), source=name)
            elif failed:
                words = f"source {name} works again"
                yield _event(series[0]["ended_at"], "resolved", record.spec.model, words, source=name)


def _failing(name: str, runs: list[dict[str, Any]]) -> str:
    times = "once" if len(runs) == 1 else f"{len(runs)} times in a row"
    return f"source {name} failed {times}: {runs[-1]['error'] or 'no error was told'}"
