"""Driftdeck notices its own silence: monitors that did not run, messages given up, sources that fail or dry up, trainings that fail.

Looks only while a scheduler keeps the times: what nobody was there to do is not late. A demo's clock stands in another year, so
nothing is late there either.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from monitors import watch as rules
from monitors.conditions import Condition, alert_group, group_of
from monitors.watch import Ended
from reference_data.section import parse_rows
from service.local import timetable
from service.local.alert_moves import stand
from service.local.convert import row_to_alert
from service.local.sources import INTERRUPTED

if TYPE_CHECKING:
    from monitors.types import Alert
    from reference_data.declaration import ModelSpec, Source
    from service.local.core import Core

EVERY = 30.0  # seconds between two looks
_RUNS = 8  # of a monitor that are looked at: two that ended are among them
_ARRIVALS = 1000  # runs of a source by which it is told what is usual
_BY_ROWS = timedelta(minutes=30)  # what waits for rows is late when it has not run for so long with thrice as many


def watch(core: Core) -> None:
    """Look, unless somebody has just looked."""
    if core.watched and time.monotonic() - core.watched < EVERY:
        return
    core.watched = time.monotonic()
    look(core)


def look(core: Core) -> None:
    """Open alerts of what is wrong with each model's monitor, messages, sources and trainings, and resolve those that are over."""
    awake = core.awake_since()
    if awake is None or core.replayed is not None:
        return
    channels, sources = _given_up(core), core.control.source_records()
    kept, now = timetable.kept_since(core, awake), core.system_now()
    for model, record in core.control.model_records().items():
        mine = [entry.spec for entry in sources.values() if entry.spec.model == model]
        since = {alert_group(alert): alert for alert in map(row_to_alert, core.control.open_alerts(model))}
        found = [
            _monitor(
                core,
                record.spec,
                kept.get(("model", model), now),
                since.get(group_of("watchdog")),
                _messages(channels, model),
            ),
            _training(core, model),
            *(
                _source(
                    core,
                    source,
                    record.spec.timezone,
                    kept.get(("source", source.name), now),
                    since.get(group_of("job", source=source.name)),
                )
                for source in mine
            ),
        ]
        facts = [fact for fact in found if isinstance(fact, Condition)]
        well = {group for group in found if isinstance(group, str)}
        stand(core, model, facts, well | _gone(since.values(), sources))


#: What was found: something wrong, the group (:func:`monitors.conditions.group_of`) that is well, or None where it cannot be said.
Found = Condition | str | None


def _gone(alerts: Iterable[Alert], sources: Mapping[str, object]) -> set[str]:
    """Return the groups of open alerts about sources that are no longer declared: nothing is wrong with what is not there."""
    return {alert_group(a) for a in alerts if a.kind == "job" and a.source is not None and a.source not in sources}


# -- monitors ----------------------------------------------------------------------------------------------------------
def _monitor(
    core: Core, spec: ModelSpec, awake: datetime, standing: Alert | None, messages: tuple[str, str] | None
) -> Found:
    """Return what is wrong with a model's runs, and with messages about it."""
    troubles = [] if messages is None else [messages]
    runs = core.control.model_runs(spec.name, _RUNS)
    ended = [_ended(run, well=_did(run)) for run in runs if run["state"] not in ("running", "cancelled")]
    if spec.name in core.runs or core.catching_up:
        return None
    began = _moment(runs[0]["started_at"]) if runs else None
    if rules.broken(ended):
        words = f"The latest two runs of {spec.name} failed, the last with: {ended[0].error or 'no further words'}."
        troubles.insert(0, (f"The monitor of {spec.name} fails", words))
    elif core.control.reference_versions(spec.name) and is_late(core, spec, began, awake):
        words = (
            f"{spec.name} is to be looked at {_spoken(spec.monitor.schedule)}, and has not been since "
            f"{_spoken_time(began, awake)}: what happens to it now goes unseen."
        )
        troubles.insert(0, (f"The monitor of {spec.name} did not run when it should have", words))
    if troubles:
        return rules.watchdog(troubles[0][0], " ".join(message for _, message in troubles))
    proven = standing is None or began is None or began >= standing.opened_at
    return group_of("watchdog") if proven else None  # not over before it has run again


def is_late(core: Core, spec: ModelSpec, began: datetime | None, awake: datetime) -> bool:
    """Whether a monitor that began to run last at ``began`` should have run again long since."""
    since, now, rows = max(began or awake, awake), core.system_now(), parse_rows(spec.monitor.schedule)
    if rows is not None:
        return now - since > _BY_ROWS and timetable.rows_come(core, spec.name) >= 3 * rows
    return rules.late_since(spec.monitor.schedule, spec.timezone, since, now) is not None


def _did(run: Mapping[str, Any]) -> bool:
    """Whether a run got anywhere."""
    return bool(run["state"] == "done" or (run["state"] == "timed_out" and run["windows_done"] > 0))


def _spoken(schedule: str) -> str:
    return schedule if schedule.startswith("every") else f"by the schedule '{schedule}'"


def _spoken_time(began: datetime | None, awake: datetime) -> str:
    return f"{began or awake:%Y-%m-%d %H:%M} UTC"


# -- messages ----------------------------------------------------------------------------------------------------------
def _given_up(core: Core) -> dict[str, list[str]]:
    """Return, by model, the channels whose latest attempt failed and that gave messages up."""
    declared = core.control.channels()
    found: dict[str, list[str]] = {}
    for name, count in core.control.outbox_counts().items():
        if name in declared and count.failed and count.last_error is not None:
            for model in {item.model for item in core.control.outbox_items(channel=name, state="failed") if item.model}:
                found.setdefault(model, []).append(name)
    return found


def _messages(channels: dict[str, list[str]], model: str) -> tuple[str, str] | None:
    names = ", ".join(sorted(channels.get(model, ())))
    if not names:
        return None
    return (
        f"Messages about {model} did not arrive at {names}",
        f"Messages to {names} were given up after many attempts; `driftdeck deliveries` shows why and can send them again.",
    )


# -- sources -----------------------------------------------------------------------------------------------------------
def _source(core: Core, source: Source, timezone: str, awake: datetime, standing: Alert | None) -> Found:
    """Return what is wrong with a source: it fails, it was not read, it brings nothing new."""
    name = source.name
    if name in core.source_runs:
        return None
    runs = core.control.source_runs(name, _ARRIVALS)
    ended = [
        _ended(run, well=run["state"] == "done")
        for run in runs
        if run["state"] != "running" and run["error"] not in INTERRUPTED
    ]
    if rules.failing(ended, source.schedule, timezone):
        words = f"Source {name} failed: {ended[0].error or 'no further words'}. Nothing new comes from it until it is well again."
        return rules.job(f"Source {name} fails", words, name)
    began, now = _moment(runs[0]["started_at"]) if runs else None, core.system_now()
    if rules.late_since(source.schedule, timezone, max(began or awake, awake), now) is not None:
        words = f"Source {name} has not been read since {_spoken_time(began, awake)}, though it is to be read {_spoken(source.schedule)}."
        return rules.job(f"Source {name} was not read when it should have been", words, name)
    come, dry = arrivals(runs), f"Source {name} brings nothing new"
    if standing is not None and standing.headline == dry and not any(at >= standing.opened_at for at in come):
        return rules.job(dry, standing.message, name)  # however much of what was usual is forgotten meanwhile
    if ended and ended[0].well and rules.stale(come, _moment(runs[-1]["started_at"]), now):
        words = (
            f"Source {name} is read without an error, but has brought nothing new since {come[-1]:%Y-%m-%d %H:%M} UTC; by what came in the "
            "weeks before, it should have by now."
        )
        return rules.job(dry, words, name)
    proven = standing is None or began is None or began >= standing.opened_at
    return group_of("job", source=name) if proven and (not ended or ended[0].well) else None


def arrivals(runs: Sequence[Mapping[str, Any]]) -> list[datetime]:
    """Return when runs (latest first) brought something new, oldest first: later events than before, or rows without times."""
    found: list[datetime] = []
    latest: datetime | None = None
    for run in reversed(runs):
        seen = None if run["latest_event"] is None else _moment(run["latest_event"])
        if run["rows"] and (seen is None or latest is None or seen > latest):
            found.append(_moment(run["started_at"]))
        latest = seen or latest
    return found


# -- trainings ---------------------------------------------------------------------------------------------------------
def _training(core: Core, model: str) -> Found:
    """Return what is wrong when the latest training that ended failed; a study that did is told to who asked for it."""
    trainings = [job for job in core.control.jobs(model) if job["kind"] == "retrain"]
    ended = [job for job in trainings if job["state"] not in ("queued", "running")]
    if not ended or ended[-1]["state"] not in ("failed", "lost"):
        return group_of("job")
    last = ended[-1]
    words = f"Training {last['id']} of {model} failed: {last['error'] or 'its process ended'}. The champion stays what it was."
    return rules.job(f"A training of {model} failed", words, None)


def _ended(run: Mapping[str, Any], *, well: bool) -> Ended:
    return Ended(_moment(run["started_at"]), well, run["error"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
