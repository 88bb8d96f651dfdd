"""What people see of an alert, and which of its changes they are told. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from monitors.types import Alert, AlertEvent

Change = tuple[Alert, AlertEvent]
State = Literal["pending", "firing", "acknowledged", "silenced", "recovering", "resolved"]

SYSTEM = "driftdeck"  # the actor of what happens by itself
FLAPPING = 2  # returns from which on people are told of the end, and of what is worse or new, and of nothing else
_UNTOLD = frozenset({"comment", "owner", "silence", "inhibit", "grew", "unconfirmed"})
_TOLD_OF_FLAPPING = frozenset({"rise", "news", "end", "unsilence", "release", "renotify"})


def silenced(alert: Alert, now: datetime) -> bool:
    """Whether nobody is to be told of an alert by now."""
    return alert.silenced_until is not None and now < alert.silenced_until


def shown_state(alert: Alert, now: datetime) -> State:
    """Return the state that people see: ``silenced`` while an open alert is, else the one beneath."""
    return "silenced" if alert.state != "resolved" and silenced(alert, now) else alert.state


def told(alert: Alert, event: AlertEvent) -> bool:
    """Whether a change is worth a message: what begins to fire, gets worse or ends, of what is neither silenced nor brought about by
    another alert. Of what came back again and again, only its end and what is worse or new. Whoever heard that it fires need not hear of
    each change: that is for :mod:`monitors.telling`.
    """
    if event.state not in ("firing", "resolved") or event.action in _UNTOLD:
        return False
    if alert.inhibited_by is not None or silenced(alert, event.at):
        return False
    return alert.returns < FLAPPING or event.action in _TOLD_OF_FLAPPING


def change(alert: Alert, state: State, now: datetime, comment: str, actor: str = SYSTEM, action: str = "") -> Change:
    """Return the alert in a state, with the event that says so. An alert's time never runs backwards, whatever the clock does."""
    at = max(now, alert.changed_at)
    ended = (alert.resolved_at or at) if state == "resolved" else None
    changed = replace(alert, state=state, changed_at=at, resolved_at=ended)
    return changed, AlertEvent(alert.id, at, shown_state(changed, at), actor, comment, action)
