"""Which change of an alert is told to which channel. Pure: what the channel heard last goes in, what it is told comes out."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from monitors import shown
from monitors.conditions import severity_rank
from monitors.types import Alert, AlertEvent
from reference_data.alerting import Channel

Told = Literal["firing", "came_back", "rose", "more", "silence_over", "released", "still", "resolved"]
_BY_ACTION: dict[str, Told] = {
    "return": "came_back", "rise": "rose", "news": "more", "unsilence": "silence_over", "release": "released",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """What a channel was told last of an alert, and how grave and of what kind it was then."""

    told: str
    severity: str
    kind: str


def wants(channel: Channel, alert: Alert) -> bool:
    """Whether alerts like this one are told to the channel at once."""
    return alert.severity in channel.severity and concerns(channel, alert)


def concerns(channel: Channel, alert: Alert) -> bool:
    """Whether alerts like this one are the channel's at all, at once or in its digest."""
    models = any(fnmatchcase(alert.model, pattern) for pattern in channel.models)
    return models and (not channel.kinds or alert.kind in channel.kinds)


def telling(alert: Alert, event: AlertEvent, channel: Channel, heard: Heard | None) -> Told | None:
    """Return what the channel is told of a change, None for nothing; :func:`monitors.shown.told` says what is worth telling at all.

    The end is told to whoever heard of it, whatever it is by then; what was told already is not told again.
    """
    if not shown.told(alert, event):
        return None
    if event.state == "resolved":
        open_there = heard is not None and (heard.told != "resolved" or event.action == "end")
        return "resolved" if open_there and channel.resolved else None
    return _of_firing(alert, event, heard) if wants(channel, alert) else None


def _of_firing(alert: Alert, event: AlertEvent, heard: Heard | None) -> Told | None:
    known = _BY_ACTION.get(event.action)
    if heard is None:
        return known if known in ("silence_over", "released") else "firing"
    if severity_rank(alert.severity) > severity_rank(heard.severity):
        return "rose"
    if known == "rose" or alert.kind != heard.kind:
        return "more"
    return known or ("came_back" if heard.told == "resolved" else None)
