"""The sign of life: an outside address is called every so often while all is well, so that silence is noticed there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from monitors.channels import ChannelError, without_secrets
from reference_data.section import parse_duration
from service.local import outbox
from service.local.postman import Beat

if TYPE_CHECKING:
    from reference_data.alerting import Channel
    from service.local.core import Core

_LOG = logging.getLogger(__name__)


def heartbeat(core: Core) -> None:
    """Call every heartbeat channel that is due, each in a thread of its own; none while something is not well."""
    now = core.system_now()
    due = []
    for channel in core.control.channels().values():
        if channel.heartbeat is None:
            continue
        last = core.postman.beats.get(channel.name)
        if last is None or not last.at <= now < last.at + parse_duration(
            channel.heartbeat
        ):  # or the clock was put back
            due.append(channel)
    if not due:
        return
    if not well(core):
        _LOG.error("no heartbeat is sent: the scheduler or the database does not answer")
        return
    for channel in due:
        core.postman.start(f"heartbeat {channel.name}", lambda channel=channel: _call(core, channel))  # type: ignore[misc]


def well(core: Core) -> bool:
    """Whether the scheduler runs and both stores answer."""
    if not core.well():
        return False
    try:
        with core.db.cursor() as cursor:
            cursor.execute("SELECT 1").fetchall()
        core.control.last_event()
    except Exception:
        _LOG.exception("a store does not answer")
        return False
    return True


def _call(core: Core, channel: Channel) -> None:
    at, error = core.system_now(), None
    try:
        address, kind = outbox.filled(channel)
        if kind.call is None:
            raise ChannelError(f"channel {channel.name}: only web addresses can be called as a heartbeat")
        kind.call(address, outbox.limits(core, channel))
    except ChannelError as problem:
        error = without_secrets(str(problem), *outbox.secrets(channel))
        _LOG.warning("the heartbeat of channel %s failed: %s", channel.name, error)
    core.postman.beats[channel.name] = Beat(at, error)
