"""Which rows a training job is given, which model it is held against, and what the new version is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reference_data.section import parse_duration
from reference_data.windows import Window
from retraining.fitted import ModelCard
from retraining.job_files import Incumbent
from retraining.period import default_period
from service.local.convert import aware, iso
from service.workspace import NotFoundError, WorkspaceError
from storage.logs import label_span

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core


def choose_period(core: Core, spec: ModelSpec, since: datetime | None, until: datetime | None) -> tuple[Window, str]:
    """Return the event times to train on, and why these; raises :class:`WorkspaceError` when nothing is labelled."""
    with core.db.cursor() as cursor:
        span = label_span(cursor, spec)
    if spec.task == "none":
        raise WorkspaceError(f"model {spec.name!r} has task 'none': without labels there is nothing to learn from")
    if span is None:
        raise WorkspaceError(f"no logged row of {spec.name!r} has a label yet, so there is nothing to train on")
    last = min(span[1], aware(until, spec.zone)) if until else span[1]
    holdout = parse_duration(spec.retrain.holdout)
    found = default_period(trouble_since(core, spec.name), span[0], last, holdout, spec.timezone)
    start = aware(since, spec.zone) if since else found.window.start
    end = min(found.window.end, aware(until, spec.zone)) if until else found.window.end
    if start >= end or start > span[1] or end <= span[0]:
        raise WorkspaceError(
            f"no labelled row lies between {iso(start, spec.zone)} and {iso(end, spec.zone)}; "
            f"they run from {iso(span[0], spec.zone)} to {iso(span[1], spec.zone)}"
        )
    return Window(start, end), found.reason if start == found.window.start else "the period that was asked for"


def trouble_since(core: Core, model: str) -> datetime | None:
    """Return the start of the first window of the open alert on the model's performance."""
    kinds = ("performance", "concept_drift")
    starts = [a["window_start"] for a in core.control.open_alerts(model) if a["kind"] in kinds and a["harmful"]]
    return min((datetime.fromisoformat(start) for start in starts), default=None)


def refuse_unknown_alert(core: Core, model: str, alert_id: str) -> None:
    """Raise :class:`NotFoundError`, naming those there are, for an alert that the model does not have."""
    known = [alert["id"] for alert in core.control.alerts(model)]
    if alert_id not in known:
        raise NotFoundError(f"model {model!r} has no alert {alert_id!r}; it has: {', '.join(known) or 'none'}")


def alert_behind(core: Core, model: str) -> str | None:
    """Return the id of the first open alert that says the model does harm, None without one."""
    kinds = ("performance", "concept_drift")
    ids = [a["id"] for a in core.control.open_alerts(model) if a["kind"] in kinds and a["harmful"]]
    return ids[0] if ids else None


def next_version(core: Core, model: str) -> str:
    """Return the name of the model's next version: ``v`` and a number."""
    numbers = [int(match[1]) for name in core.versions(model) if (match := re.fullmatch(r"v(\d+)", name))]
    return f"v{max(numbers, default=0) + 1}"


def incumbent(core: Core, model: str, champion: str) -> Incumbent:
    """Return a registered version as what a new one is held against."""
    record = core.versions(model)[champion]
    until = record["holdout"][0] if record["holdout"] else record["period"][1]
    return Incumbent(champion, card_of(core, record), datetime.fromisoformat(until))


def card_of(core: Core, record: Mapping[str, Any]) -> ModelCard:
    """Return what is needed to predict with a registered version; its artefact lies in this home, wherever that is now."""
    path = core.home.artefacts / record["artefact"]
    return ModelCard.from_dict(record["card"] | {"path": str(path)})
