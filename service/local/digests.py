"""Digests: what opened, changed and was resolved since the last one, of alerts that a channel was not told of at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitors import messages as templates
from monitors.schedule import parse_schedule
from monitors.shown import silenced
from monitors.telling import concerns
from service.local.convert import row_to_alert
from storage.control_outbox import OutboxItem

if TYPE_CHECKING:
    from monitors.types import Alert
    from reference_data.alerting import Channel
    from service.local.core import Core

DAILY, WEEKLY = "0 8 * * *", "0 8 * * 1"
_LOOK_BACK = [timedelta(hours=1), timedelta(days=1), timedelta(days=8), timedelta(days=32), timedelta(days=370)]
_MARK = "digest/{}"
_NO_NEWS = frozenset({"comment", "owner", "renotify", "grew"})


def digests(core: Core) -> None:
    """Queue the digest of every channel whose time has come; after a time without anybody there it is one, of all of it."""
    for channel in core.control.channels().values():
        if channel.digest is not None:
            _digest(core, channel)


def next_digest(core: Core, channel: Channel) -> datetime | None:
    """Return when a channel's next digest is due, None for a channel without one."""
    return None if channel.digest is None else next_due(core, channel.digest, channel.timezone)


def next_due(core: Core, schedule: str, timezone: str) -> datetime | None:
    """Return when a schedule (daily, weekly, a cron line) is due next."""
    due: datetime | None = _trigger(schedule, timezone).get_next_fire_time(None, core.system_now())
    return due


def _digest(core: Core, channel: Channel) -> None:
    now, key = core.system_now(), _MARK.format(channel.name)
    mark: dict[str, Any] | None = core.control.get_setting(key)
    upcoming = next_digest(core, channel)
    if mark is None:  # a new channel begins here: what was before is told to nobody
        core.control.put_setting(key, {"at": now.isoformat(), "seq": core.control.last_event()})
        return
    if upcoming is not None and datetime.fromisoformat(mark["at"]) > upcoming:  # the clock ran ahead, and was put back
        core.control.put_setting(key, {"at": now.isoformat(), "seq": mark["seq"]})
        return
    since = datetime.fromisoformat(mark["at"])
    until = latest_due(channel.digest or "", channel.timezone, since, now)
    if until is None:
        return
    last = core.control.last_event()
    groups = _groups(core, channel, int(mark["seq"]), last)
    items = []
    if any(groups.values()):
        zone = ZoneInfo(channel.timezone)
        zones = {alert.model: core.spec(alert.model).zone for alerts in groups.values() for alert in alerts}
        told = {name: alerts for name, alerts in groups.items() if alerts}
        note = templates.digest_note(channel.name, told, since.astimezone(zone), until.astimezone(zone), zones)
        items.append(OutboxItem(f"digest:{channel.name}:{until.isoformat()}:{last}", "", "", channel.name, note, now))
    core.control.queue(items, setting=(key, {"at": until.isoformat(), "seq": last}))


def latest_due(schedule: str, timezone: str, since: datetime, now: datetime) -> datetime | None:
    """Return the latest time after ``since`` and up to ``now`` at which a schedule was due, None if there was none."""
    trigger = _trigger(schedule, timezone)
    found: datetime | None = None
    for back in [*(length for length in _LOOK_BACK if now - length > since), None]:
        at = since + timedelta(microseconds=1) if back is None else now - back
        while (due := trigger.get_next_fire_time(found, found + timedelta(seconds=1) if found else at)) and due <= now:
            found = due
        if found is not None:
            return found.astimezone(now.tzinfo)
    return None


def _trigger(schedule: str, timezone: str) -> Any:
    return _parsed({"daily": DAILY, "weekly": WEEKLY}.get(schedule, schedule), timezone)


@lru_cache(maxsize=256)
def _parsed(schedule: str, timezone: str) -> Any:
    return parse_schedule(schedule, timezone)


def _groups(core: Core, channel: Channel, after: int, until: int) -> dict[str, list[Alert]]:
    """Return what became of the alerts of a period that the channel was not told of: opened, changed, resolved."""
    groups: dict[str, list[Alert]] = {"Opened": [], "Changed": [], "Resolved": []}
    changed: dict[str, tuple[Alert, list[dict[str, Any]]]] = {}
    for row, event in core.control.events_between(after, until):
        alert = row_to_alert(row)
        changed[alert.id] = (alert, [*changed.get(alert.id, (alert, []))[1], event])
    for alert, events in changed.values():
        name = _became(core, alert, events, after)
        if name is not None and concerns(channel, alert) and not _told(core, channel, alert):
            groups[name].append(alert)
    return groups


def _became(core: Core, alert: Alert, events: list[dict[str, Any]], after: int) -> str | None:
    """Return what became of an alert in a period that began after event ``after``; None for nothing that is worth a line."""
    states = [event["state"] for event in events if event.get("action") not in _NO_NEWS]
    if not states or alert.state == "pending" or alert.inhibited_by is not None or silenced(alert, core.now()):
        return None
    if events[-1].get("action") == "unconfirmed":
        return None
    if alert.state == "resolved":
        return "Resolved"
    return "Changed" if core.control.fired_by(alert.id, after) else "Opened"


def _told(core: Core, channel: Channel, alert: Alert) -> bool:
    return bool(core.control.outbox_items(alert_id=alert.id, channel=channel.name, latest=1))
