"""From when until when a model has rows, worked out once for as long as none came; rows of the future wait for their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.local.recall import recalled
from storage.traffic import AHEAD, event_span, next_event

if TYPE_CHECKING:
    from datetime import datetime

    from service.local.core import Core


def span_of(core: Core, model: str) -> tuple[datetime, datetime] | None:
    """Return the earliest and latest event time up to now (:func:`storage.traffic.event_span`), None without rows."""
    found, later = _counted(core, model)
    until = core.now() + AHEAD
    if (later is None or later > until) and (found is None or found[1] <= until):
        return found
    with core.db.cursor() as cursor:  # the time of a row has come since, or the clock was put back
        return event_span(cursor, model, core.now())


@recalled("rows")
def _counted(core: Core, model: str) -> tuple[tuple[datetime, datetime] | None, datetime | None]:
    """Return the span as of now, and the event time at which it will be another."""
    with core.db.cursor() as cursor:
        return event_span(cursor, model, core.now()), next_event(cursor, model, core.now() + AHEAD)
