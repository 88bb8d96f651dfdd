"""Starting retrains by themselves: facts from the stores, judged by :mod:`retraining.triggers`, started like a click."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from retraining import period
from retraining import triggers as rules
from retraining.triggers import Facts, Finding, Retrained
from service.local import jobs, loop
from service.local.convert import iso
from service.workspace import WorkspaceError
from storage.control_loop import ACTIVE
from storage.label_counts import labels_since
from storage.logs import label_span

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.local.core import Core
    from service.training_views import TriggerView

log = logging.getLogger(__name__)
_AGAIN = 60.0  # seconds before what was refused is tried again
_HARM = ("performance", "concept_drift")


def pull(core: Core) -> None:
    """Start the retrains that are due. While a run or a deployment is under way that is left to the next call."""
    waiting = [
        name for name, record in core.control.model_records().items() if record.spec.retrain.trigger != ("manual",)
    ]
    if not waiting or not core.mutex.acquire(blocking=False):
        return
    try:
        for name in waiting:
            _pull(core, core.spec(name))
    finally:
        core.mutex.release()


def _pull(core: Core, spec: ModelSpec) -> None:
    _arm(core, spec)
    due = rules.chosen(rules.judge(spec.retrain, facts(core, spec)))
    if due is None:
        return
    key = None if due.alert_id is None else f"trigger:alert:{due.alert_id}{':again' if due.again else ''}"
    try:
        loop.retrain(
            core,
            spec.name,
            since=None,
            until=None,
            alert_id=due.alert_id,
            actor=rules.ACTOR + due.trigger,
            request_key=key,
            because=due.sentence,
        )
    except WorkspaceError as error:
        log.warning("the trigger %r of %s started nothing: %s", due.trigger, spec.name, error)
        core.refused[spec.name] = (time.monotonic(), str(error))


def triggers(core: Core, model: str) -> list[TriggerView]:
    """Return what would start a retrain by itself, and what holds it back."""
    spec = core.spec(model)
    jobs.settle(core, model, wait=False)
    return [_view(spec, one) for one in rules.judge(spec.retrain, facts(core, spec))]


def facts(core: Core, spec: ModelSpec) -> Facts:
    """Return what is known of a model that its triggers go by."""
    name, every = spec.name, core.control.jobs(spec.name)
    asked = [job for job in every if job["kind"] == "retrain"]
    at_work = next((job["id"] for job in every if job["state"] in ACTIVE), None)
    good = [job for job in asked if job["state"] == "succeeded"]
    versions = list(core.versions(name).values())
    since = _moment(good[-1]["created_at"]) if good else _taken_in(core, name)
    labels, harmful = 0, _harmful(core, name)
    with core.db.cursor() as cursor:
        span = label_span(cursor, spec) if harmful and "alert" in spec.retrain.trigger else None
        if "labels" in spec.retrain.trigger:
            labels = labels_since(cursor, name, since)
        impossible = _impossible(core, spec, any_label=labels > 0 or bool(good) or labels_since(cursor, name, None) > 0)
    return Facts(
        model=name,
        now=core.now(),
        timezone=spec.timezone,
        retrains=tuple(
            Retrained(
                _moment(job["created_at"]),
                job["state"],
                job["requested_by"],
                job["alert_id"],
                job["error"],
                _moment(job["period"][1]),
            )
            for job in asked
        ),
        under_way=at_work,
        impossible=impossible,
        armed_at=_armed(core, spec),
        alerts=tuple((alert["id"], str(alert["headline"]).rstrip(".")) for alert in harmful),
        began={alert["id"]: _moment(alert["window_start"]) for alert in harmful},
        labelled_until=span and period.midnight_after(span[1], spec.zone),
        labels=labels,
        newest_row=max((_moment(_learned_until(record)) for record in versions), default=None),
    )


def _harmful(core: Core, model: str) -> tuple[dict[str, Any], ...]:
    """Return the firing alerts that say the model does harm; of a silenced one nobody wants to hear, so it starts nothing."""
    now = core.now()
    return tuple(
        alert
        for alert in core.control.open_alerts(model)
        if alert["kind"] in _HARM
        and (alert["harmful"] or alert["severity"] == "page")
        and alert["state"] == "firing"
        and (alert.get("silenced_until") is None or _moment(alert["silenced_until"]) <= now)
    )


def _impossible(core: Core, spec: ModelSpec, *, any_label: bool) -> str | None:
    if not spec.features:
        return "the model declares no features to learn from"
    if spec.task == "none":
        return "the model has task 'none': without labels there is nothing to learn from"
    if not any_label:
        return "no label has come yet"
    at, words = core.refused.get(spec.name, (0.0, ""))
    return words if words and time.monotonic() - at < _AGAIN else None


def _taken_in(core: Core, model: str) -> datetime | None:
    """Return when the champion was registered, of a model that was never retrained here."""
    champion = core.roles(model).champion
    return None if champion is None else _moment(core.version(model, champion)["created_at"])


def _learned_until(record: dict[str, Any]) -> str:
    return str(record["holdout"][0] if record["holdout"] else record["period"][1])


# -- since when a schedule counts --------------------------------------------------------------------------------------
def _arm(core: Core, spec: ModelSpec) -> None:
    """Note since when the declared schedule holds: from the first look at it on."""
    text = spec.retrain.schedule
    if text is not None and _armed(core, spec) is None:
        core.control.put_setting(_key(spec.name), {"schedule": text, "at": core.now().astimezone(UTC).isoformat()})


def _armed(core: Core, spec: ModelSpec) -> datetime | None:
    kept = core.control.get_setting(_key(spec.name))
    if kept is None or kept["schedule"] != spec.retrain.schedule:
        return None
    at = _moment(kept["at"])
    return at if at <= core.now() else None  # a clock that was put back counts from now


def _key(model: str) -> str:
    return f"retrain_schedule/{model}"


def _view(spec: ModelSpec, found: Finding) -> TriggerView:
    return {
        "model": spec.name,
        "trigger": found.trigger,
        "armed": found.held_back is None,
        "next_at": None if found.next_at is None else iso(found.next_at, spec.zone),
        "progress": found.progress,
        "held_back": found.held_back,
        "sentence": found.sentence,
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
