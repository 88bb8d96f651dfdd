"""Silences: which alerts nobody is told of, and until when; maintenance that was declared is one of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from monitors.schedule import parse_schedule
from monitors.shown import SYSTEM, Change, change
from monitors.types import Alert, Silence
from reference_data.alerting import Maintenance
from reference_data.section import parse_duration
from reference_data.windows import Window

OVER = "The silence is over."


def matches(silence: Silence, alert: Alert) -> bool:
    """Whether everything that a silence names is so of an alert; of several columns, all must be meant."""
    columns = alert.members or (alert.column,) if alert.column is not None else ()
    return (
        silence.alert_id in (None, alert.id)
        and fits(silence.model, alert.model)
        and silence.kind in (None, alert.kind)
        and silence.severity in (None, alert.severity)
        and (silence.segment is None or (alert.segment is not None and fits(silence.segment, alert.segment)))
        and (silence.column is None or (bool(columns) and all(fits(silence.column, str(name)) for name in columns)))
    )


def fits(pattern: str, name: str) -> bool:
    """Whether a name is the given one, or fits a pattern with ``*``."""
    return name == pattern or fnmatchcase(name, pattern)


def is_active(silence: Silence, now: datetime) -> bool:
    """Whether a silence holds now."""
    return silence.starts <= now < silence.ends


def silencing(alert: Alert, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """Return the silence that keeps an alert quiet now, the one that lasts longest; None without one."""
    found = [silence for silence in silences if is_active(silence, now) and matches(silence, alert)]
    return max(found, key=lambda silence: (silence.ends, silence.id), default=None)


def silenced_by(alert: Alert, silence: Silence | None) -> Alert:
    """Return the alert under a silence, or under none."""
    return replace(
        alert,
        silenced_until=None if silence is None else silence.ends,
        silence_id=None if silence is None else silence.id,
    )


def begun(alert: Alert, silence: Silence, now: datetime) -> Change:
    """Return an open alert that a silence begins for."""
    return change(silenced_by(alert, silence), alert.state, now, silence.comment, silence.actor, "silence")


def ended(alert: Alert, now: datetime, actor: str = SYSTEM, comment: str = OVER) -> Change:
    """Return an open alert as it comes out of its silence: in the state it has got to meanwhile."""
    return change(silenced_by(alert, None), alert.state, now, comment, actor, "unsilence")


def apply(alerts: Iterable[Alert], silences: Sequence[Silence], now: datetime, actor: str = SYSTEM) -> list[Change]:
    """Begin and end silences on open alerts; ``actor`` is who ended the one that is over."""
    changes: list[Change] = []
    for alert in alerts:
        if alert.state == "resolved":
            continue
        found = silencing(alert, silences, now)
        if found is None and alert.silenced_until is not None:
            changes.append(ended(alert, now, actor))
        elif found is not None and (found.id, found.ends) != (alert.silence_id, alert.silenced_until):
            changes.append(begun(alert, found, now))
    return changes


def of_maintenance(maintenance: Maintenance, now: datetime) -> list[Silence]:
    """Return the maintenance that is on now, or comes next, as one silence for each pattern of models; nothing when it is over.

    Raises :class:`ValueError` for a schedule that is not a cron line.
    """
    when = occurrence(maintenance, now)
    if when is None:
        return []
    stamp = when.start.astimezone(UTC).strftime("%Y%m%dT%H%MZ")
    comment = maintenance.comment or f"Maintenance {maintenance.name}"
    made = Silence(f"{maintenance.name}-{stamp}", when.start, when.end, SYSTEM, comment)
    return [replace(made, model=pattern) for pattern in maintenance.models]


def occurrence(maintenance: Maintenance, now: datetime) -> Window | None:
    """Return from when to when a maintenance is on now, or will be next; None when it is over for good.

    Naive times, and the cron line, are in its own time zone.
    """
    if maintenance.schedule is None:
        zone = ZoneInfo(maintenance.timezone)
        starts, ends = (_aware(moment, zone) for moment in (maintenance.starts, maintenance.ends))
        return Window(starts, ends) if now < ends else None
    if maintenance.schedule.strip().lower().startswith("every"):
        raise ValueError(
            f"maintenance {maintenance.name!r} has the schedule {maintenance.schedule!r}; write when it begins as a cron line, "
            "such as '0 2 * * sun'"
        )
    trigger, lasts = parse_schedule(maintenance.schedule, maintenance.timezone), parse_duration(maintenance.lasts)
    start = _next(trigger, now - lasts)
    if start is not None and start + lasts <= now:  # begun just so long ago that it is over
        start = _next(trigger, start.replace(microsecond=1))
    if start is None:
        return None
    start = _latest(trigger, start, now)
    return Window(start, start + lasts)


def _latest(trigger: Any, first: datetime, now: datetime) -> datetime:
    """Return the last time at which a trigger fires up to ``now``, from a first one on, by halving what is between; ``first`` if that is to come."""
    found, until = first, now
    while (following := _next(trigger, found.replace(microsecond=1))) is not None and following <= until:
        middle = found + (until - found) / 2
        later = _next(trigger, middle)
        if later is not None and later <= until:
            found = max(later, following)
        else:
            found, until = following, max(middle, following)
    return found


def _next(trigger: Any, after: datetime) -> datetime | None:
    """Return the first time at or after a moment at which a trigger fires, in UTC."""
    found = trigger.get_next_fire_time(None, after)
    return None if found is None else found.astimezone(UTC)


def _aware(moment: datetime | None, zone: ZoneInfo) -> datetime:
    if moment is None:
        raise ValueError("maintenance has either starts and ends, or a schedule")
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
