"""What studies have found, as their jobs' records keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from service.local.core import Core

Kind = Literal["learning_curve", "backtest"]
STUDIES = "studies"


def latest(core: Core, model: str, kind: Kind) -> tuple[str, dict[str, Any]] | None:
    """Return the job that made the latest study of a kind and what it found; None when there is none."""
    for job in reversed(core.control.jobs(model)):
        found = job.get(STUDIES, {}).get(kind)
        if found is not None and job["state"] == "succeeded":
            return job["id"], found
    return None
