"""Channels as people see them: how they are doing, a test, what was delivered, and sending again what was given up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitors import channels as kinds
from monitors import messages as templates
from monitors.channels import ChannelError
from service.local import digests, links, outbox
from service.local.convert import iso
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from storage.control_outbox import ChannelCount
from storage.errors import MissingRecordError

if TYPE_CHECKING:
    from reference_data.alerting import Channel
    from service import alert_views
    from service.local.core import Core
    from storage.control_outbox import OutboxItem

STATES = ("waiting", "sent", "failed")
_PATIENCE = 70.0  # seconds in which a message that is sent again by hand has gone out or failed
_UTC = ZoneInfo("UTC")


def channels(core: Core) -> list[alert_views.ChannelView]:
    """Return every channel with what it is told and how its messages are doing."""
    counts = core.control.outbox_counts()
    owners = {owned.name: owned.declared_in for owned in core.control.owned("channel")}
    return [
        _view(core, channel, counts.get(name, ChannelCount()), owners[name])
        for name, channel in core.control.channels().items()
    ]


def _view(core: Core, channel: Channel, count: ChannelCount, declared_in: str) -> alert_views.ChannelView:
    zone, beat = ZoneInfo(channel.timezone), core.postman.beats.get(channel.name)
    due = digests.next_digest(core, channel)
    try:
        address, kind = outbox.filled(channel)
        name, place, error = kind.name, kinds.place(address), None
    except ChannelError as problem:
        name, place, error = (
            "unknown",
            kinds.place(channel.url),
            kinds.without_secrets(str(problem), *outbox.secrets(channel)),
        )
    errors = (count.last_error, None if beat is None else beat.error, error)
    return {
        "name": channel.name,
        "kind": name,
        "place": place,
        "severity": list(channel.severity),
        "models": list(channel.models),
        "kinds": list(channel.kinds),
        "digest": channel.digest,
        "summary": channel.summary,
        "next_digest": None if due is None else iso(due, zone),
        "renotify": channel.renotify,
        "heartbeat": channel.heartbeat,
        "declared_in": declared_in,
        "waiting": count.waiting,
        "failed": count.failed,
        "last_sent": None if count.last_sent is None else iso(count.last_sent, zone),
        "last_error": next((each for each in errors if each is not None), None),
    }


def find(core: Core, name: str) -> Channel:
    """Return a channel; raises :class:`NotFoundError` naming those there are."""
    declared = core.control.channels()
    if name not in declared:
        known = ", ".join(declared) or "none yet; declare one under [channels.…] with `driftdeck apply FILE`"
        raise NotFoundError(f"there is no channel {name!r}; this workspace has: {known}")
    return declared[name]


def test_channel(core: Core, name: str, actor: str) -> alert_views.ChannelTest:
    """Send a test message, or call a heartbeat, now; no part of the outbox, and tried once."""
    channel = find(core, name)
    started, error = time.monotonic(), None
    try:
        address, kind = outbox.filled(channel)
        limits = outbox.limits(core, channel)
        if channel.heartbeat is not None and not channel.severity and kind.call is not None:
            kind.call(address, limits)
        else:
            key = f"test:{name}:{core.system_now().isoformat()}"
            kind.send(address, templates.rendered(templates.test_note(name), key, links.base(core)), limits)
    except Exception as problem:  # whatever it was, it is told in words
        words = str(problem) if isinstance(problem, ChannelError) else f"{type(problem).__name__}: {problem}"
        error = kinds.without_secrets(words, *outbox.secrets(channel))
    detail = {"ok": error is None, "error": error}
    core.control.append_audit(actor, "test_channel", f"channels.{name}", detail, "workspace", core.now())
    return {"channel": name, "ok": error is None, "error": error, "seconds": round(time.monotonic() - started, 3)}


def deliveries(
    core: Core, alert_id: str | None, channel: str | None, state: str | None, limit: int
) -> list[alert_views.DeliveryView]:
    """Return messages with every attempt, the latest first; also those of channels that are gone."""
    if state is not None and state not in STATES:
        raise WorkspaceError(f"state {state!r} of a delivery is not known; choose one of {', '.join(STATES)}")
    if limit < 1:
        raise WorkspaceError(f"limit {limit} is not allowed; ask for one delivery or more")
    items = core.control.outbox_items(alert_id=alert_id, channel=channel, state=state, latest=limit)
    return [_delivery(core, item) for item in items]


def redeliver(core: Core, delivery_id: str, actor: str) -> alert_views.DeliveryView:
    """Send a message that was given up once more, under its own key; returns when that attempt is over, or takes long."""
    try:
        item = core.control.outbox_item(delivery_id)
    except MissingRecordError as error:
        raise NotFoundError(str(error)) from None
    find(core, item.channel)
    if item.state != "failed":
        raise ConflictError(f"delivery {delivery_id} is {item.state}; only what was given up is sent again by hand")
    try:
        core.control.outbox_again(delivery_id, core.system_now())
    except MissingRecordError:
        raise ConflictError(f"delivery {delivery_id} is being sent again already") from None
    core.control.append_audit(actor, "redeliver", delivery_id, {"channel": item.channel}, "workspace", core.now())
    outbox.deliver_due(core)
    core.postman.wait(_PATIENCE, item.channel)
    return _delivery(core, core.control.outbox_item(delivery_id))


def _delivery(core: Core, item: OutboxItem) -> alert_views.DeliveryView:
    declared = core.control.channels().get(item.channel)
    zone = _UTC if declared is None else ZoneInfo(declared.timezone)
    return {
        "id": item.id,
        "alert_id": item.alert_id or None,
        "model": item.model or None,
        "channel": item.channel,
        "title": str(item.payload.get("title", "")),
        "state": item.state,
        "attempts": [
            {"at": attempt["at"], "ok": attempt["ok"], "error": attempt["error"]}
            for attempt in core.control.outbox_attempts(item.id)
        ],
        "next_attempt": iso(item.due_at, zone) if item.state == "waiting" else None,
        "created_at": iso(item.created_at or item.due_at, zone),
    }
