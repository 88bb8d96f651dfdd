"""What people do to alerts, and what is said when one that came and went stays away. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from monitors.shown import Change, change
from monitors.types import Alert


def acknowledge(alert: Alert, actor: str, comment: str, now: datetime) -> Change:
    """Return the alert as acknowledged; it stays so until it recovers or its severity rises.

    Raises :class:`ValueError` for a resolved alert.
    """
    if alert.state == "resolved":
        raise ValueError(
            f"alert {alert.id} is resolved since {alert.resolved_at}; only open alerts can be acknowledged"
        )
    return change(alert, "acknowledged", now, comment, actor)


def comment(alert: Alert, actor: str, text: str, now: datetime) -> Change:
    """Return the alert with a comment in its history, as it was in all else."""
    return change(alert, alert.state, now, text, actor, "comment")


def assign(alert: Alert, actor: str, owner: str | None, now: datetime) -> Change:
    """Return the alert with another owner, None: nobody."""
    return change(replace(alert, owner=owner), alert.state, now, f"{owner or 'nobody'} is on it", actor, "owner")


def end(alert: Alert, now: datetime) -> Change:
    """Return a resolved alert that came back several times and has stayed away since: what comes back now is another story."""
    words = f"It came back {alert.returns} times, and has stayed away since: it is over."
    return change(replace(alert, returns=0), "resolved", now, words, action="end")
