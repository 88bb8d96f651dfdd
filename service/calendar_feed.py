"""What happens by itself, as a calendar (RFC 5545): runs of monitors and sources, digests, maintenance."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from monitors.schedule import next_time
from monitors.silences import occurrence
from reference_data.alerting import Maintenance
from service.alert_views import DeclaredObject, ScheduleEntry

HORIZON = timedelta(days=14)
#: What happens more often than this is in the calendar once, the next time: a page of quarters of an hour tells nobody anything.
RARE = timedelta(hours=6)
_MOST = 60  # of one thing
_STEPS = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
_SILENT = "maintenance {name}: its alerts are silent"
_TITLES = {
    "monitor": "{name} is judged",
    "source": "{name} is read",
    "digest": "digest to {name}",
    "retrain": "{name} is trained anew",
}


def calendar(
    entries: Sequence[ScheduleEntry], declared: Sequence[DeclaredObject], now: datetime, *, horizon: timedelta = HORIZON
) -> bytes:
    """Return the calendar from ``now`` on, so far as ``horizon`` reaches; the same entries give the same bytes."""
    found = Calendar()
    found.add("prodid", "-//Driftdeck//schedule//EN")
    found.add("version", "2.0")
    found.add("x-wr-calname", "Driftdeck")
    until = now + horizon
    for entry in entries:
        if entry["kind"] not in _TITLES or entry["next_run"] is None:
            continue
        for moment in times(entry, until):
            found.add_component(_event(entry["kind"], entry["name"], moment, None, _words(entry)))
    for each in declared:
        if each["kind"] == "maintenance":
            maintenance = Maintenance.model_validate({"name": each["name"], **each["values"]})
            words = f"models {', '.join(maintenance.models)}. {maintenance.comment}".strip()
            for start, end in _maintenance(maintenance, now, until):
                found.add_component(_event("maintenance", each["name"], start, end, words))
    found.add_missing_timezones()
    return bytes(found.to_ical())


def times(entry: ScheduleEntry, until: datetime) -> Iterator[datetime]:
    """Yield when something with a next time happens, until then: once where it happens often."""
    zone = ZoneInfo(entry["timezone"])
    first = datetime.fromisoformat(str(entry["next_run"])).astimezone(zone)
    if first > until:
        return
    yield first
    moment = _following(entry, first)
    if moment is None or moment - first < RARE:
        return
    for _ in range(_MOST - 1):
        if moment is None or moment > until:
            return
        yield moment.astimezone(zone)
        moment = _following(entry, moment)


def _following(entry: ScheduleEntry, moment: datetime) -> datetime | None:
    step = _STEPS.get(entry["schedule"])
    if step is not None:
        return moment + step  # of the clock on the wall
    try:
        return next_time(entry["schedule"], entry["timezone"], moment)
    except ValueError:  # it waits for rows
        return None


def _maintenance(maintenance: Maintenance, now: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    zone, at = ZoneInfo(maintenance.timezone), now
    for _ in range(_MOST):
        window = occurrence(maintenance, at)
        if window is None or window.start > until:
            return
        yield window.start.astimezone(zone), window.end.astimezone(zone)
        at = window.end


def _event(kind: str, name: str, start: datetime, end: datetime | None, words: str) -> Event:
    event = Event()
    key = f"driftdeck/{kind}/{name}/{start.astimezone(UTC).isoformat()}"
    event.add("uid", f"{uuid.uuid5(uuid.NAMESPACE_URL, key)}@driftdeck")
    event.add("dtstamp", start.astimezone(UTC))
    event.add("dtstart", _unzoned(start))
    if end is not None:
        event.add("dtend", _unzoned(end))
    event.add("summary", _TITLES.get(kind, _SILENT).format(name=name))
    event.add("description", words)
    event.add("categories", [kind])
    event.add("transp", "TRANSPARENT")  # nobody is busy because of it
    return event


def _unzoned(moment: datetime) -> datetime:
    """Return a time whose zone is UTC as just that: it needs no table of its own in the calendar."""
    return moment.astimezone(UTC) if str(moment.tzinfo) == "UTC" else moment


def _words(entry: ScheduleEntry) -> str:
    often = f"schedule {entry['schedule']} ({entry['timezone']})"
    return ". ".join(filter(None, (often, entry["note"])))
