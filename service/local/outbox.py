"""Messages: written in the alert's own transaction, sent afterwards, each channel by a thread of its own."""

from __future__ import annotations

import logging
import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from monitors import channels
from monitors import messages as templates
from monitors.channels import ChannelError, ChannelKind, Limits, Message
from monitors.outbox import Attempt, Backoff, attempt
from monitors.telling import Heard, telling
from service.declaration_file import DeclarationError, expand
from service.local import links
from storage.control_outbox import OutboxItem
from storage.faults import fault_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitors.types import Alert, AlertEvent
    from reference_data.alerting import Channel
    from service.local.core import Core

_LOG = logging.getLogger(__name__)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_IN_A_ROW = 3  # failures after which a channel's other messages wait for the next round: the receiver is down
BACKOFF = Backoff()
#: How long closing waits for what is being sent; what is not sent by then is sent by whoever opens the home next.
LAST_CALL, LAST_MESSAGE = 10.0, 5.0


def messages(core: Core, events: Sequence[tuple[Alert, AlertEvent]]) -> list[OutboxItem]:
    """Return one message a channel for every change worth telling (:func:`monitors.telling.telling`)."""
    declared = list(core.control.channels().values()) if events else []
    heard: dict[tuple[str, str], Heard] = {}
    known: set[str] = set()
    for alert_id in {alert.id for alert, _ in events} if declared else ():
        for item in core.control.outbox_items(alert_id=alert_id):
            heard[alert_id, item.channel] = _heard(item)
            known.add(item.id)
    found: list[OutboxItem] = []
    for alert, event in events:
        for channel in declared:
            told = telling(alert, event, channel, heard.get((alert.id, channel.name)))
            if told is None:
                continue
            heard[alert.id, channel.name] = Heard(told, alert.severity, alert.kind)
            note = templates.alert_note(alert, event, told, core.spec(alert.model).zone)
            item_id = _new_id(f"{alert.id}:{told}:{event.at.isoformat()}:{channel.name}", known)
            found.append(OutboxItem(item_id, alert.id, alert.model, channel.name, note, core.system_now()))
    return found


def _new_id(wanted: str, known: set[str]) -> str:
    """Return an id of its own: of a clock that stands still, or was put back, the same may happen twice at one time."""
    found, number = wanted, 1
    while found in known:
        number += 1
        found = f"{wanted}:{number}"
    known.add(found)
    return found


def _heard(item: OutboxItem) -> Heard:
    note, data = item.payload, item.payload.get("data", {})
    told = note.get("told") or ("resolved" if data.get("state") == "resolved" else "firing")
    return Heard(told, note.get("graveness") or note.get("severity", "warning"), data.get("kind", ""))


# -- delivery ----------------------------------------------------------------------------------------------------------
def deliver_due(core: Core) -> None:
    """Begin to send what is due, and return at once; messages of a channel that is declared no more are given up aloud."""
    now = core.system_now()
    core.control.outbox_hasten(now + BACKOFF.longest + timedelta(minutes=1), now)  # the clock was put back
    declared = core.control.channels()
    for name in core.control.outbox_channels_due(now):
        if name in declared:
            core.postman.start(name, lambda name=name: send_all(core, name))  # type: ignore[misc]
        else:
            _give_up(core, name)


def send_all(core: Core, name: str) -> None:
    """Send what is due of one channel, one after the other, until nothing is or the receiver seems to be down."""
    failed = 0
    while failed < _IN_A_ROW and not core.closing.is_set():
        channel = core.control.channels().get(name)
        due = [] if channel is None else core.control.outbox_due(core.system_now(), 20, channel=name)
        if channel is None or not due:
            return
        for item in due:
            done = attempt(item.id, item.attempts, _sending(core, channel, item), core.system_now, BACKOFF)
            fault_point("outbox.after_delivery")
            _record(core, channel, done)
            failed = 0 if done.outcome == "sent" else failed + 1
            if failed >= _IN_A_ROW or core.closing.is_set():
                return


def finish(core: Core) -> None:
    """Let what is being sent come to an end, unless the service has begun to close already."""
    if not core.closing.is_set():
        core.postman.wait(LAST_CALL)
    core.closing.set()
    core.postman.wait(LAST_MESSAGE)


def _record(core: Core, channel: Channel, done: Attempt) -> None:
    error = None if done.error is None else channels.without_secrets(done.error, *secrets(channel))
    if done.outcome == "dead":
        _LOG.error(
            "message %s to channel %s is given up after %d attempts: %s", done.item_id, channel.name, done.number, error
        )
    core.control.outbox_attempt(done.item_id, ok=done.outcome == "sent", error=error, next_at=done.retry_at, at=done.at)


def _give_up(core: Core, name: str) -> None:
    while due := core.control.outbox_due(core.system_now(), channel=name):
        for item in due:
            error = (
                f"channel {name} is declared no more; declare it, and send the message again: driftdeck redeliver ID"
            )
            core.control.outbox_attempt(item.id, ok=False, error=error, at=core.system_now())
        _LOG.error("channel %s is declared no more: %d messages to it are given up", name, len(due))


def _sending(core: Core, channel: Channel, item: OutboxItem) -> Any:
    def sending() -> None:
        address, kind = filled(channel)
        kind.send(address, composed(core, channel, kind, address, item), limits(core, channel))

    return sending


def filled(channel: Channel) -> tuple[str, ChannelKind]:
    """Return a channel's address with its variables, only now, and what sends to it; raises :class:`ChannelError`."""
    try:
        address = expand(channel.url, os.environ)
    except DeclarationError as error:
        raise ChannelError(f"channel {channel.name}: {error}") from None
    return address, channels.channel_kind(address)


def limits(core: Core, channel: Channel) -> Limits:
    """Return what a delivery to a channel may do; raises :class:`ChannelError` for a secret whose variable is not set."""
    try:
        secret = None if channel.secret is None else expand(channel.secret, os.environ)
    except DeclarationError as error:
        raise ChannelError(f"channel {channel.name}: {error}") from None
    return Limits(allow_private=channel.allow_private, secret=secret, at=core.system_now())


def composed(core: Core, channel: Channel, kind: ChannelKind, address: str, item: OutboxItem) -> Message:
    """Return a message as it is sent, with the chart where the channel takes it."""
    note = dict(item.payload) | {"chart": channel.picture and bool(item.alert_id)}
    chart = None
    if note["chart"] and kind.takes_picture(address):
        from service.local.pictures import safely

        chart = safely(core, item.alert_id)
    return templates.rendered(note, item.id, links.base(core), chart)


def secrets(channel: Channel) -> list[str]:
    """Return everything of a channel that no error and no log may show."""
    texts = [channel.url, *([channel.secret] if channel.secret else [])]
    names = {name for text in texts for name in _VARIABLE.findall(text)}
    values = [os.environ[name] for name in names if len(os.environ.get(name, "")) >= 4]
    try:
        values += [expand(text, os.environ) for text in texts]
    except DeclarationError:  # a variable is not set: then nothing was sent
        pass
    return values
