"""Studies before a retrain: started as jobs, read from their jobs' records."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from reference_data.windows import Window
from service.local.choosing import Chosen, choose, labelled
from service.local.convert import aware, iso
from service.local.job_queue import advance
from service.local.jobs import asked_for, settle
from service.local.study_records import Kind, latest
from service.workspace import WorkspaceError

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service import training_views, views
    from service.local.core import Core

KINDS = ("learning_curve", "backtest")


def study(
    core: Core, model: str, kind: Kind, *, since: datetime | None, until: datetime | None, actor: str
) -> views.JobView:
    """Start a study, or return the job that is under way for the model.

    A learning curve looks at the rows a retrain would learn from, a backtest at all labelled ones.
    """
    spec = core.spec(model)
    if kind not in KINDS:
        raise WorkspaceError(f"study {kind!r} is not known; there are {', '.join(KINDS)}")
    if not spec.features:
        raise WorkspaceError(
            f"model {model!r} declares no features to train on; declare them or freeze a reference first"
        )
    settle(core, model)
    chosen = choose(core, spec, since, until) if kind == "learning_curve" else _everything(core, spec, since, until)
    job: dict[str, Any] = {
        "id": uuid4().hex[:12],
        "model": model,
        "kind": kind,
        "state": "queued",
        "requested_by": actor,
        "reason": chosen.reason,
        "alert_id": None,
        "created_at": core.now().isoformat(),
        "started_at": None,
        "ended_at": None,
        "exit_code": None,
        "error": None,
        "version": None,
        "period": [chosen.window.start.isoformat(), chosen.window.end.isoformat()],
        "plan": chosen.plan | {"size": None, "find_size": False},
        "request_key": None,
        "attempt": 1,
    }
    kept = core.control.start_job_once(job)
    if kept["id"] == job["id"]:
        detail = {"job": job["id"], "kind": kind, "period": job["period"]}
        core.control.append_audit(actor, "study", model, detail, "workspace", core.now())
    advance(core)
    return asked_for(core, kept, kind)


def _everything(core: Core, spec: ModelSpec, since: datetime | None, until: datetime | None) -> Chosen:
    first = aware(since, spec.zone) if since else labelled(core, spec)[0]
    end = choose(core, spec, first, until).window.end
    words = "the labelled rows that were asked for" if since or until else "all labelled rows"
    return Chosen(Window(first, end), f"{words}: periods are tried on the past")


def learning_curve(core: Core, model: str) -> training_views.CurveView | None:
    """Return the latest learning curve, None when there is none."""
    settle(core, model, wait=False)
    spec, kept = core.spec(model), latest(core, model, "learning_curve")
    if kept is None:
        return None
    job_id, found = kept
    return {
        "job_id": job_id,
        "model": model,
        "metric": found["metric"],
        "unit": found["unit"],
        "direction": found["direction"],
        "period": [_local(edge, spec) or "" for edge in found["period"]],
        "points": found["points"],
        "levels_off": found["levels_off"],
        "sentence": found["sentence"],
    }


def backtest(core: Core, model: str) -> training_views.BacktestView | None:
    """Return the latest backtest of periods, None when there is none."""
    settle(core, model, wait=False)
    spec, kept = core.spec(model), latest(core, model, "backtest")
    if kept is None:
        return None
    job_id, found = kept
    return {
        "job_id": job_id,
        "model": model,
        "metric": found["metric"],
        "unit": found["unit"],
        "direction": found["direction"],
        "rows": [_row(row, spec) for row in found["rows"]],
        "best": found["best"],
        "sentence": found["sentence"],
    }


def _row(row: dict[str, Any], spec: ModelSpec) -> training_views.BacktestRow:
    return {
        "name": row["name"],
        "words": row["words"],
        "since": _local(row["since"], spec),
        "until": _local(row["until"], spec),
        "rows": row["rows"],
        "value": row["value"],
        "lower": row["lower"],
        "upper": row["upper"],
        "change": row["change"],
        "change_lower": row["change_lower"],
        "change_upper": row["change_upper"],
        "folds": row["folds"],
    }


def _local(moment: str | None, spec: ModelSpec) -> str | None:
    return None if moment is None else iso(datetime.fromisoformat(moment), spec.zone)
