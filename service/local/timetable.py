"""Everything that happens by itself: when it did last, how that went, when it does next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from reference_data.section import parse_duration, parse_rows
from service.local.convert import iso
from storage.traffic import rows_ever

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from service.alert_views import ScheduleEntry
    from service.local.core import Core

_AGAIN = timedelta(minutes=10)  # a window that has closed makes a model that waits for rows run no more often than this


# -- every so many rows ------------------------------------------------------------------------------------------------
def note_rows(core: Core, spec: ModelSpec) -> None:
    """Remember, when a run begins, how many rows had come by then."""
    if parse_rows(spec.monitor.schedule) is not None:
        with core.db.cursor() as cursor:
            core.control.put_setting(_key(spec.name), rows_ever(cursor, spec.name))


def rows_come(core: Core, model: str) -> int:
    """Return how many rows have come since the latest run began."""
    with core.db.cursor() as cursor:
        ever = rows_ever(cursor, model)
    return max(0, ever - int(core.control.get_setting(_key(model), 0)))


def due_by_rows(core: Core) -> list[str]:
    """Return the models for which as many rows have come as their schedule says, or a window has closed since they were judged.

    A window that nothing comes for is a finding too: who waits for rows alone would never hear that they stay away.
    """
    found = []
    for name, record in core.control.model_records().items():
        rows = parse_rows(record.spec.monitor.schedule)
        if rows is None or name in core.runs:
            continue
        if rows_come(core, name) >= rows or _window_closed(core, record.spec):
            found.append(name)
    return found


def _window_closed(core: Core, spec: ModelSpec) -> bool:
    judged, grace = core.last_run(spec.name), parse_duration(spec.monitor.grace)
    began = next(iter(core.control.model_runs(spec.name, 1)), None)
    if judged is None or began is None or abs(core.system_now() - _moment(began["started_at"])) < _AGAIN:
        return False
    return core.window_spec(spec.name).containing(judged - grace).end <= core.now() - grace


def _key(model: str) -> str:
    return f"rows_seen/{model}"


# -- the table ---------------------------------------------------------------------------------------------------------
def schedule(core: Core) -> list[ScheduleEntry]:
    """Return everything that happens by itself, what is next first; what waits for something else than a time last."""
    found = [*_monitors(core), *_sources(core), *_channels(core), *_maintenance(core), *_retrains(core)]
    far = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda entry: far if entry["next_run"] is None else _moment(entry["next_run"]))


def kept_since(core: Core, awake: datetime) -> dict[tuple[str, str], datetime]:
    """Return since when the times of each (kind, name) have been kept: the scheduler is awake, and they were declared as they are.

    What was declared a minute ago is not late, however long the service has run.
    """
    now = core.system_now()
    return {(each.kind, each.name): max(awake, min(each.changed_at, now)) for each in core.control.owned()}


def _monitors(core: Core) -> list[ScheduleEntry]:
    from service.local.watchdog import is_late  # it looks at what is said here too

    awake, found = core.awake_since(), []
    kept = {} if awake is None else kept_since(core, awake)
    for name, record in core.control.model_records().items():
        spec, rows = record.spec, parse_rows(record.spec.monitor.schedule)
        last = next(iter(core.control.model_runs(name, 1)), None)
        state = None if last is None else "running" if name in core.runs else _STATES.get(last["state"], "failed")
        late = False
        if awake is not None and core.replayed is None and name not in core.runs and not core.catching_up:
            late = is_late(core, spec, _moment(last["started_at"]) if last else None, kept.get(("model", name), awake))
        note = "" if rows is None else f"after {rows:,} rows: {rows_come(core, name):,} have come"
        found.append(
            _entry(
                name, "monitor", name, spec.monitor.schedule, spec.timezone, core.next_run(name), record.declared_in,
                last=None if last is None else _moment(last["started_at"]), state=state, late=late, note=note,
            )
        )  # fmt: skip
    return found


def _retrains(core: Core) -> list[ScheduleEntry]:
    """Return the retrains that come with time or with labels; what alerts start is not foreseen."""
    from service.local.triggers import triggers  # it starts what is told here

    found = []
    for name, record in core.control.model_records().items():
        spec, retrain = record.spec, record.spec.retrain
        words = {
            "schedule": retrain.schedule,
            "labels": f"after {retrain.after_labels or 0:,} labels",
            "age": f"at an age of {retrain.max_age}",
        }
        views = triggers(core, name) if set(retrain.trigger) & set(words) else []
        jobs = {job["requested_by"]: job for job in core.control.jobs(name) if job["kind"] == "retrain"}
        for view in views:
            if view["trigger"] in words:
                last = jobs.get(f"trigger:{view['trigger']}")
                found.append(
                    _entry(
                        name, "retrain", name, str(words[view["trigger"]]), spec.timezone,
                        _moment(view["next_at"]) if view["next_at"] else None, record.declared_in,
                        last=None if last is None else _moment(last["created_at"]),
                        state=None if last is None else _JOB_STATES.get(last["state"], "failed"),
                        note=view["held_back"] or view["sentence"],
                    )
                )  # fmt: skip
    return found


_JOB_STATES = {"succeeded": "ok", "cancelled": "ok", "queued": "running", "running": "running"}
_STATES = {"done": "ok", "cancelled": "ok", "running": "running"}


def _sources(core: Core) -> list[ScheduleEntry]:
    from monitors.watch import late_since

    awake, found, now = core.awake_since(), [], core.system_now()
    kept = {} if awake is None else kept_since(core, awake)
    for name, record in core.control.source_records().items():
        source, zone = record.spec, core.spec(record.spec.model).timezone
        last = core.source_runs.get(name) or next(iter(core.control.source_runs(name, 1)), None)
        began, since = None if last is None else _moment(last["started_at"]), kept.get(("source", name))
        late = (
            since is not None
            and core.replayed is None
            and name not in core.source_runs
            and late_since(source.schedule, zone, max(began or since, since), now) is not None
        )
        found.append(
            _entry(
                name, "source", source.model, source.schedule, zone, core.next_source_run(name), record.declared_in,
                last=began, state=None if last is None else _STATES.get(last["state"], "failed"), late=late,
                note="" if last is None or last["error"] is None else last["error"],
            )
        )  # fmt: skip
    return found


def _channels(core: Core) -> list[ScheduleEntry]:
    from service.local.digests import next_digest, next_due

    found: list[ScheduleEntry] = []
    owners = {owned.name: owned.declared_in for owned in core.control.owned("channel")}
    scheduler = core.awake_since() is not None
    for name, channel in core.control.channels().items():
        by = owners.get(name, "file")
        if channel.digest is not None:
            due = next_digest(core, channel) if scheduler else None
            mark = core.control.get_setting(f"digest/{name}")
            last = None if mark is None else _moment(mark["at"])
            found.append(_entry(name, "digest", None, channel.digest, channel.timezone, due, by, last=last))
        if channel.summary is not None:
            due = next_due(core, channel.summary, channel.timezone) if scheduler else None
            mark = core.control.get_setting(f"summary/{name}")
            last = None if mark is None else _moment(mark["at"])
            found.append(
                _entry(
                    name,
                    "digest",
                    None,
                    channel.summary,
                    channel.timezone,
                    due,
                    by,
                    last=last,
                    note="the week in one message",
                )
            )
        if channel.heartbeat is not None:
            beat = core.postman.beats.get(name)
            due = beat.at + parse_duration(channel.heartbeat) if beat is not None and scheduler else None
            state = None if beat is None else "ok" if beat.error is None else "failed"
            note = beat.error or "" if beat is not None else ""
            every = f"every {channel.heartbeat}"
            last = None if beat is None else beat.at
            found.append(
                _entry(name, "heartbeat", None, every, channel.timezone, due, by, last=last, state=state, note=note)
            )
    return found


def _maintenance(core: Core) -> list[ScheduleEntry]:
    from monitors.silences import occurrence

    found: list[ScheduleEntry] = []
    for name, record in core.control.maintenance_records().items():
        maintenance, now = record.spec, core.now()
        upcoming = occurrence(maintenance, now)
        on = upcoming is not None and upcoming.start <= now
        words = maintenance.schedule or "once"
        note = (
            f"on until {iso(upcoming.end, ZoneInfo(maintenance.timezone))}" if on and upcoming else maintenance.comment
        )
        found.append(
            _entry(
                name, "maintenance", None, words, maintenance.timezone, upcoming.start if upcoming else None, record.declared_in,
                state="running" if on else None, note=note,
            )
        )  # fmt: skip
    return found


def _entry(
    name: str,
    kind: Any,
    model: str | None,
    schedule: str,
    timezone: str,
    following: datetime | None,
    declared_in: str,
    *,
    last: datetime | None = None,
    state: str | None = None,
    late: bool = False,
    note: str = "",
) -> ScheduleEntry:
    zone = ZoneInfo(timezone)
    return {
        "name": name,
        "kind": kind,
        "model": model,
        "schedule": schedule,
        "timezone": timezone,
        "next_run": None if following is None else iso(following, zone),
        "last_run": None if last is None else iso(last.replace(microsecond=0), zone),
        "last_state": "late" if late else state,
        "late": late,
        "note": note,
        "declared_in": declared_in,
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
