"""Alerts that rest on no window: a source that fails, a run that did not come, a delivery that was given up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitors.conditions import Condition, alert_group, group_of, severity_rank
from monitors.shown import SYSTEM, Change, change
from monitors.types import Alert, AlertEvent
from reference_data.windows import Window

COMES_BACK = timedelta(days=2)  # within which what was over is the same trouble again


def stand(
    alerts: Sequence[Alert],
    facts: Sequence[Condition],
    model: str,
    now: datetime,
    new_id: Callable[[], str],
    over: Collection[str],
    owner: str | None = None,
) -> list[Change]:
    """Return what the facts of this moment change: what is wrong opens an alert, what is so no more resolves its own.

    ``facts`` are of kind ``job`` or ``watchdog``, at most one for each (kind, source); ``alerts`` the model's open ones and those resolved
    lately; ``over`` the groups (:func:`monitors.conditions.group_of`) that were looked at and found well: only those are resolved.
    """
    wrong = {group_of(fact.kind, rule=fact.rule, source=fact.source): fact for fact in facts}
    current = {alert_group(alert): alert for alert in alerts if alert.state != "resolved"}
    changes: list[Change] = []
    for group, fact in wrong.items():
        if (alert := current.get(group)) is not None:
            changes += _still(alert, fact, now)
        elif (earlier := _lately(alerts, group, now)) is not None:
            graver = max(earlier.severity, fact.severity, key=severity_rank)
            back = replace(earlier, severity=graver, returns=earlier.returns + 1, inhibited_by=None)
            back = _telling(back, fact)
            changes.append(
                change(back, "firing", now, f"It came back after it was resolved: {fact.headline}", action="return")
            )
        else:
            changes.append(_open(fact, model, now, new_id(), owner))
    for group, alert in current.items():
        if group in over and group not in wrong:
            changes.append(change(alert, "resolved", now, "It is over."))
    return changes


def _lately(alerts: Sequence[Alert], group: str, now: datetime) -> Alert | None:
    found = [
        alert
        for alert in alerts
        if alert_group(alert) == group and alert.resolved_at is not None and now - alert.resolved_at <= COMES_BACK
    ]
    return max(found, key=lambda alert: alert.resolved_at or alert.changed_at, default=None)


def _still(alert: Alert, fact: Condition, now: datetime) -> list[Change]:
    if severity_rank(fact.severity) > severity_rank(alert.severity):
        words = f"Severity rose from {alert.severity} to {fact.severity}: {fact.headline}"
        return [change(_telling(replace(alert, severity=fact.severity), fact), "firing", now, words, action="rise")]
    if fact.headline != alert.headline:
        return [change(_telling(alert, fact), alert.state, now, f"Now: {fact.headline}", action="grew")]
    return []


def _telling(alert: Alert, fact: Condition) -> Alert:
    return replace(alert, headline=fact.headline, message=fact.message, runbook=fact.runbook)


def _open(fact: Condition, model: str, now: datetime, alert_id: str, owner: str | None) -> Change:
    alert = Alert(
        id=alert_id,
        model=model,
        kind=fact.kind,
        severity=fact.severity,
        state="firing",
        column=fact.column,
        segment=fact.segment,
        window=Window(now, now),
        opened_at=now,
        changed_at=now,
        significant=fact.significant,
        material=fact.material,
        harmful=fact.harmful,
        causes=(),
        members=fact.members,
        message=fact.message,
        headline=fact.headline,
        owner=fact.owner or owner,
        held="1",
        runbook=fact.runbook,
        source=fact.source,
    )
    return alert, AlertEvent(alert_id, now, alert.state, SYSTEM, fact.headline)
