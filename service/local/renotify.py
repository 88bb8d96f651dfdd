"""Telling again: of alerts that still fire while nobody has acknowledged them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitors import messages as templates
from monitors.shown import SYSTEM, silenced
from monitors.telling import wants
from monitors.types import AlertEvent
from reference_data.section import parse_duration
from service.local.convert import alert_to_row, event_to_row, row_to_alert
from storage.control_outbox import OutboxItem

if TYPE_CHECKING:
    from monitors.types import Alert
    from reference_data.alerting import Channel
    from service.local.core import Core

_BACK = timedelta(minutes=1)  # a clock that says it is earlier than the last message by more was put back


def renotify(core: Core) -> None:
    """Queue another message where the last one about a firing alert is as old as the channel's ``renotify``.

    How long ago that was is told by the system's clock, which a replay leaves alone.
    """
    channels = [channel for channel in core.control.channels().values() if channel.renotify]
    if not channels:
        return
    with core.alerting:  # nobody acknowledges in between
        for row in core.control.firing_alerts():
            alert = row_to_alert(row)
            if alert.inhibited_by is None and not silenced(alert, core.now()):
                _again(core, alert, channels)


def _again(core: Core, alert: Alert, channels: list[Channel]) -> None:
    now = core.system_now()
    sent: dict[str, list[OutboxItem]] = {}
    for item in core.control.outbox_items(alert_id=alert.id):
        sent.setdefault(item.channel, []).append(item)
    due = []
    for channel in channels:
        before = sent.get(channel.name, [])
        if not before or not wants(channel, alert) or before[-1].payload.get("told") == "resolved":
            continue
        last = before[-1].created_at or before[-1].due_at
        if now - last >= parse_duration(channel.renotify or "") or now < last - _BACK:
            due.append((channel, len(before)))
    if not due:
        return
    event = AlertEvent(alert.id, core.now(), alert.state, SYSTEM, _words(due), "renotify")
    note = templates.alert_note(alert, event, "still", core.spec(alert.model).zone)
    items = [
        OutboxItem(f"{alert.id}:still:{number}:{channel.name}", alert.id, alert.model, channel.name, note, now)
        for channel, number in due
    ]
    core.control.commit_judgement(alert.model, events=[(alert_to_row(alert), event_to_row(event))], outbox=items)


def _words(due: list[tuple[Channel, int]]) -> str:
    return f"Told again: {', '.join(channel.name for channel, _ in due)}."
