"""Messages: written in the alert's own transaction, sent afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from monitors.channels import ChannelError, Message, send
from monitors.outbox import Attempt, deliver
from monitors.shown import told
from service.declaration_file import DeclarationError, expand
from storage.control_outbox import OutboxItem
from storage.faults import fault_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitors.types import Alert, AlertEvent
    from service.local.core import Core


def messages(core: Core, events: Sequence[tuple[Alert, AlertEvent]]) -> list[OutboxItem]:
    """Return one message a channel for every change worth telling, by the severities each channel asks for."""
    channels = core.control.channels().values() if events else ()
    return [
        OutboxItem(
            id=f"{alert.id}:{event.state}:{event.at.isoformat()}:{channel.name}",
            alert_id=alert.id,
            model=alert.model,
            channel=channel.name,
            payload=_payload(alert, event),
            due_at=event.at,
        )
        for alert, event in events
        for channel in channels
        if told(alert, event) and alert.severity in channel.severity
    ]


def _payload(alert: Alert, event: AlertEvent) -> dict[str, Any]:
    word = "Resolved" if event.state == "resolved" else alert.severity.capitalize()
    return {
        "title": f"{word}: {alert.headline}",
        "body": alert.message,
        "severity": alert.severity,
        "data": {"id": alert.id, "model": alert.model, "kind": alert.kind, "state": event.state},
    }


def deliver_due(core: Core) -> int:
    """Send what is due; returns the number of attempts. A channel that is gone leaves its messages waiting."""
    channels = core.control.channels()
    items = [
        {"id": item.id, "address": channels[item.channel].url, "message": item.payload, "attempts": item.attempts}
        for item in core.control.outbox_due(core.now())
        if item.channel in channels
    ]

    def record(attempt: Attempt) -> None:
        fault_point("outbox.after_delivery")
        core.control.outbox_attempt(
            attempt.item_id,
            ok=attempt.outcome == "sent",
            error=attempt.error,
            next_at=attempt.retry_at,
            at=attempt.at,
        )

    return len(deliver(items, core.now, send=_send, record=record))


def _send(address: str, message: Message) -> None:
    """Send to a declared address; its secrets are filled in only now."""
    try:
        send(expand(address, os.environ), message)
    except DeclarationError as error:
        raise ChannelError(str(error)) from None
