"""What has to be looked after again and again, whoever calls: at the end of a run, and every few seconds while the service runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from service.local import digests, heartbeat, jobs, outbox, renotify, silencing, summaries, tidying, triggers, watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.local.core import Core

_LOG = logging.getLogger(__name__)

#: Called in this order; what is found to be told comes before what is delivered. Each may be called again at any time.
STEPS: tuple[Callable[[Core], object], ...] = (
    silencing.expire,
    jobs.follow,
    triggers.pull,
    watchdog.watch,
    renotify.renotify,
    digests.digests,
    summaries.summaries,
    heartbeat.heartbeat,
    outbox.deliver_due,
    tidying.tidy,
)


def attend(core: Core) -> None:
    """Do every step that is due. A step that fails is logged and keeps none of the others from being done.

    While one call is under way another does nothing: steps are never done by two threads at once.
    """
    if not core.attending.acquire(blocking=False):
        return
    try:
        for step in STEPS:
            try:
                step(core)
            except Exception:
                _LOG.exception("%s.%s failed; it is tried again", step.__module__, step.__qualname__)
    finally:
        core.attending.release()
