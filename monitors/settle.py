"""What silences and other open alerts make of changes before anyone is told of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from monitors import silences as quiet
from monitors.inhibition import inhibitors
from monitors.shown import Change, change, shown_state
from monitors.types import Alert, Silence


def settle(
    before: Mapping[str, Alert], changes: Sequence[Change], silences: Sequence[Silence], now: datetime
) -> list[Change]:
    """Return the changes of one model's alerts as they are to be kept and told.

    ``before``: the model's alerts before the changes, by id; all that are open must be among them. What begins to fire under an active
    silence, or beside an alert that brings it about, is so from the outset; what is silenced no more, or brought about no more, comes out.
    """
    settled: list[Change] = []
    latest = dict(before)
    for alert, event in changes:
        known = latest.get(alert.id)
        more, kept = _under_silence(known, (alert, event), silences, now)
        settled += more
        latest[alert.id] = kept
    return _inhibited(before, latest, settled, now)


def _under_silence(
    known: Alert | None, changed: Change, silences: Sequence[Silence], now: datetime
) -> tuple[list[Change], Alert]:
    """Return a change, and what a silence that begins or ends with it adds; and the alert after them."""
    alert, event = changed
    if alert.state == "resolved":
        return [changed], alert
    found = quiet.silencing(alert, silences, now)
    under = quiet.silenced_by(alert, found)
    told = (under, replace(event, state=shown_state(under, event.at)))
    if found is not None:
        if known is not None and known.state != "resolved" and known.silence_id == found.id:
            return [told], under
        more = quiet.begun(under, found, now)
        return [told, more], more[0]
    if known is not None and known.state != "resolved" and known.silenced_until is not None:
        return [quiet.ended(known, now), told], under
    return [told], under


def _inhibited(
    before: Mapping[str, Alert], latest: Mapping[str, Alert], changes: Sequence[Change], now: datetime
) -> list[Change]:
    """Return the changes with what other open alerts bring about, or bring about no more."""
    found = inhibitors(list(latest.values()))
    entering = {key for key, alert in latest.items() if key in found and _begins(before.get(key), alert)}
    settled = [
        (replace(alert, inhibited_by=found[alert.id]) if alert.id in entering else alert, event)
        for alert, event in changes
    ]
    for key, alert in latest.items():
        if alert.state == "resolved":
            continue
        by = found.get(key)
        if by is not None and (key in entering or alert.inhibited_by not in (None, by)):
            words = f"Brought about by: {latest[by].headline}"
            settled.append(change(replace(alert, inhibited_by=by), alert.state, now, words, action="inhibit"))
        elif by is None and alert.inhibited_by is not None:
            cause = latest.get(alert.inhibited_by)
            what = (
                "What brought it about is over"
                if cause is None or cause.state == "resolved"
                else "It is more than what it followed from"
            )
            words = f"{what}{'' if cause is None else f': {cause.headline}'}"
            settled.append(change(replace(alert, inhibited_by=None), alert.state, now, words, action="release"))
    return settled


def _begins(before: Alert | None, alert: Alert) -> bool:
    """Whether people would now hear of an alert that they have not heard of, or not since it was over."""
    return (
        alert.inhibited_by is None
        and (before is None or before.state in ("pending", "resolved"))
        and alert.state == "firing"
    )
