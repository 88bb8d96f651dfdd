"""What is kept of messages for a time only: once a day what was told long ago goes, but of alerts that are still open."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.local.core import Core

KEPT = timedelta(days=400)  # a year, and time to look at it, as refused rows are
_EVERY = timedelta(days=1)
_MARK = "tidied"


def tidy(core: Core) -> None:
    """Do so, unless it was done within a day."""
    now, mark = core.system_now(), core.control.get_setting(_MARK)
    if mark is not None and timedelta() <= now - datetime.fromisoformat(mark) < _EVERY:
        return
    core.control.prune_messages(KEPT, now, {alert["id"] for alert in core.control.open_alerts()})
    core.control.put_setting(_MARK, now.isoformat())
