"""From a job's record to what its process is asked to do: which rows, how many, and for a study what it compares."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from service.local.choosing import incumbent, since_change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retraining.job_files import JobRequest
    from service.local.core import Core


def planned(core: Core, job: Mapping[str, Any], request: JobRequest) -> JobRequest:
    """Return the request with what the job's ``plan`` says of the rows to learn from; a study asks for no new version."""
    plan = job.get("plan") or {}
    until = plan.get("learn_until")
    found = replace(
        request,
        learn_until=until and datetime.fromisoformat(until),
        size=plan.get("size"),
        find_size=bool(plan.get("find_size")),
        looked_until=(looked := plan.get("looked_until")) and datetime.fromisoformat(looked),
    )
    if plan.get("half_life"):
        retrain = found.spec.retrain.model_copy(update={"half_life": plan["half_life"]})
        found = replace(found, spec=found.spec.model_copy(update={"retrain": retrain}))
    if job["kind"] == "retrain":
        return found
    found = replace(found, kind=job["kind"], version="")
    if job["kind"] == "backtest":
        oldest = next(iter(core.versions(request.model)), None)
        first = incumbent(core, request.model, oldest) if oldest is not None else None
        found = replace(found, change=since_change(core, request.model), first=first)
    return found
