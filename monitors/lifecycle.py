"""Alerts: what one judged window does to them. Pure: alerts and readings go in, changed alerts and their events come out.

One alert stands for one cause-group (see :mod:`monitors.conditions`), however many columns move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitors import row_conditions
from monitors.conditions import (
    ARRIVAL,
    LIMITS,
    STANDING,
    Condition,
    alert_group,
    group_of,
    severity_rank,
)
from monitors.outcome_conditions import outgrown, refuted, says_fine
from monitors.own_sql import BY_SQL
from monitors.segment_conditions import told_by_the_whole
from monitors.shown import SYSTEM, Change, change
from monitors.types import Alert, AlertEvent, Cause, Reading
from monitors.window_conditions import window_conditions
from reference_data.declaration import ModelSpec
from reference_data.windows import Window

QUIET = timedelta(
    days=28
)  # after an alert on data is resolved, within which the same columns (or checks of arrival) reopen it
QUIET_WINDOWS = 4  # as long at least
_OF_DATA = LIMITS | {
    "data_drift",
    "prediction_drift",
    "data_quality",
    "business",
    "latency",
    ARRIVAL,
    row_conditions.GROUP,
}
_OF_INPUTS = frozenset({"data_drift", "data_quality"})  # kinds
UNUSUAL = 0.05
GREW = "It grew:"  # begins the comment of an event that changes what an alert tells, and alarms nobody
GROWN = 1.5  # times as strong as what an alert tells of, from which on it tells of that
LONGER = 8  # times as many quiet windows, at most, as an alert needs that came back again and again


def advance(
    open_alerts: Sequence[Alert],
    readings: Sequence[Reading],
    spec: ModelSpec,
    now: datetime,
    importance: Mapping[str, float] | None,
    new_id: Callable[[], str],
    causes: tuple[Cause, ...] = (),
    only: frozenset[str] | None = None,
    every: Sequence[Reading] | None = None,
) -> list[Change]:
    """Return what one window changes, as alerts in their new state, each with its event.

    ``readings`` are all readings of one window of the serving version; ``open_alerts`` those of the model that are not resolved, with
    those resolved lately if they are to be reopened by what brings their columns back within 28 days (or four windows).
    A window that cannot be judged leaves its groups as they are. Judging a window again does not count it twice; a window that ended
    before an open alert's own began is passed over. Windows of no rows open ``no_data``: pass only windows since the model's first row.
    ``causes`` (likeliest first, the more the better) go to alerts that open, change or rise in severity: to an outcome alert the
    first three, to others those of their own columns. ``only`` names the groups to move: ``outcome`` and ``business``
    when a window that moved the others before has now got its labels (of own checks, ``readings`` are then those that rest on labels, and
    ``every``, which the team's rules speak of, all of them).
    """
    if not readings:
        return []
    moved = [alert for alert in open_alerts if alert.kind not in STANDING]
    known = told_by_the_whole(readings, [alert for alert in moved if alert.rule is None])
    judged = window_conditions(known, every or readings, spec, importance)
    found = {group: each for group, each in judged.conditions.items() if only is None or group in only}
    current = {alert_group(alert): alert for alert in moved if alert.state != "resolved"}
    changes: list[Change] = []
    for group, alert in current.items():
        if readings[0].window.end <= alert.window.start or (only is not None and group not in only):
            continue
        if (condition := found.get(group)) is not None and not condition.holding:
            changes += _again(alert, condition, readings[0], now, causes)
        elif condition is not None:
            changes += _holds_on(alert, readings[0], now)
        elif alert.rule is None and refuted(alert, readings):
            changes.append(change(alert, "resolved", now, "Labels have come, and performance is as usual."))
        elif _unheard(alert, readings, only):
            continue
        elif (group not in judged.silent or says_fine(alert, readings)) and not _still_unusual(alert, readings):
            changes += _quiet(alert, readings[0], spec, now)
    for group, condition in found.items():
        if group not in current and not condition.holding:
            before = None if condition.needs[0] > 1 else _lately(moved, group, condition, readings[0])
            if before is None:
                changes.append(_open(condition, readings[0], spec, now, new_id(), causes))
            elif not _counted(before, readings[0]):
                changes.append(_reopen(before, condition, readings[0], now, causes))
    return changes


def _unheard(alert: Alert, readings: Sequence[Reading], only: frozenset[str] | None) -> bool:
    """Whether a window says nothing of the own checks that an alert is about: that their labels are awaited does not mean all is well."""
    if alert.kind != "business" or alert.rule is not None:
        return False
    own = [r for r in readings if r.scope in BY_SQL and (r.column or r.check) in alert.members]
    return only is not None if not own else all(r.verdict in ("insufficient", "no_data") for r in own)


def _still_unusual(alert: Alert, readings: Sequence[Reading]) -> bool:
    """Whether an own check of an alert is still where one window in twenty is, on the worse side: not enough to tell, too much to be over."""
    return (
        alert.rule is None
        and alert.kind in ("business", "latency")
        and any(
            reading.scope in BY_SQL | {"service"}
            and (reading.column or reading.check) in alert.members
            and reading.material
            and reading.p_value < UNUSUAL
            for reading in readings
        )
    )


def _lately(alerts: Sequence[Alert], group: str, condition: Condition, reading: Reading) -> Alert | None:
    """Return the resolved alert of the same cause, of the same version and over less than 28 days ago; None without one.

    The long means of drift that is over, or that comes and goes, tell one story: it is one alert, and no graver than it was.
    """
    found = [
        alert
        for alert in alerts
        if alert.state == "resolved"
        and (group in _OF_DATA or alert.rule is not None)
        and alert_group(alert) == group
        and _fired(alert)
        and alert.model_version == reading.model_version
        and (set(condition.members) <= set(alert.members) if condition.members else not alert.members)
        and severity_rank(condition.severity) <= severity_rank(alert.severity)
        and alert.judged_to is not None
        and reading.window.start - alert.judged_to <= quiet_period(reading.window)
    ]
    return max(found, key=lambda alert: alert.judged_to or alert.changed_at, default=None)


def _fired(alert: Alert) -> bool:
    """Whether an alert ever got beyond waiting to be confirmed."""
    return alert.needs[0] == 1 or alert.held.count("1") >= alert.needs[0]


def quiet_period(window: Window) -> timedelta:
    """Return how long after an alert was last judged what comes back in ``window`` reopens it."""
    return max(QUIET, QUIET_WINDOWS * (window.end - window.start))


def _reopen(alert: Alert, condition: Condition, reading: Reading, now: datetime, causes: tuple[Cause, ...]) -> Change:
    """Tell what is wrong now; the severity stays what it was, or the same drift would be graver once more a month later."""
    updated = replace(alert, quiet=0, judged_to=reading.window.end, returns=alert.returns + 1, inhibited_by=None)
    comment = f"It came back after it was resolved: {condition.headline}"
    return change(_telling(updated, condition, causes), "firing", now, comment, action="return")


def _telling(alert: Alert, condition: Condition, causes: tuple[Cause, ...]) -> Alert:
    """Return the alert with the words of what this window shows."""
    return replace(
        alert,
        column=condition.column,
        segment=condition.segment,
        limit=condition.limit,
        strength=condition.strength,
        message=condition.message,
        headline=condition.headline,
        causes=_own(causes, condition) or alert.causes,
        resolve_after=condition.resolve_after,
        runbook=condition.runbook,
    )


def _open(
    condition: Condition, reading: Reading, spec: ModelSpec, now: datetime, alert_id: str, causes: tuple[Cause, ...]
) -> Change:
    alert = Alert(
        id=alert_id,
        model=reading.model,
        kind=condition.kind,
        severity=condition.severity,
        state="pending" if condition.needs[0] > 1 else "firing",
        column=condition.column,
        segment=condition.segment,
        limit=condition.limit,
        strength=condition.strength,
        window=reading.window,
        opened_at=now,
        changed_at=now,
        significant=condition.significant,
        material=condition.material,
        harmful=condition.harmful,
        causes=_own(causes, condition),
        members=condition.members,
        message=condition.message,
        headline=condition.headline,
        owner=condition.owner or spec.owner,
        model_version=reading.model_version,
        judged_to=reading.window.end,
        needs=condition.needs,
        held="1",
        resolve_after=condition.resolve_after,
        runbook=condition.runbook,
        rule=condition.rule,
        source=condition.source,
    )
    return alert, AlertEvent(alert_id, now, alert.state, SYSTEM, condition.headline)


def _own(causes: tuple[Cause, ...], condition: Condition) -> tuple[Cause, ...]:
    if group_of(condition.kind) == "outcome":
        return causes[:3]
    if condition.limit is not None:
        return ()  # what moved is not why a fixed limit was passed
    return tuple(cause for cause in causes if cause.column in condition.members)[:3]


def _again(
    alert: Alert, condition: Condition, reading: Reading, now: datetime, causes: tuple[Cause, ...]
) -> list[Change]:
    """The condition holds in this window too."""
    if (news := outgrown(alert, condition.segment, condition.headline)) is not None:
        members = tuple(dict.fromkeys([*alert.members, *condition.members]))
        surer = replace(
            alert,
            kind=condition.kind,
            members=members,
            quiet=0,
            judged_to=max(alert.judged_to or reading.window.end, reading.window.end),
        )
        state = "firing" if alert.state == "recovering" else alert.state
        return [change(_telling(surer, condition, causes), state, now, news, action="news")]
    if _counted(alert, reading):
        return []
    risen = severity_rank(condition.severity) > severity_rank(alert.severity)
    grown = tuple(name for name in condition.members if name not in alert.members)
    became = condition.kind != alert.kind and condition.kind == "concept_drift"
    updated = replace(
        alert,
        quiet=0,
        judged_to=reading.window.end,
        members=alert.members + grown,
        significant=alert.significant or condition.significant,
        material=alert.material or condition.material,
        harmful=alert.harmful or condition.harmful,
    )
    if alert.state == "pending":
        updated = replace(updated, needs=condition.needs, held=_with(alert.held, "1", condition.needs))
    another = bool(grown) and severity_rank(condition.severity) == severity_rank(alert.severity)
    if risen or became or another:
        updated = replace(
            _telling(updated, condition, causes),
            kind=condition.kind if became else alert.kind,
            severity=condition.severity if risen else alert.severity,
        )
    if alert.state == "pending" and not _fired(updated):
        return [change(updated, "pending", now, f"It held in {_of_latest(updated)}.")]
    if risen:
        comment = f"Severity rose from {alert.severity} to {condition.severity}: {condition.headline}"
        return [change(updated, "firing", now, comment, action="rise")]
    if alert.state == "pending":
        confirmed = (
            "A second window confirms it." if condition.needs == (2, 2) else f"It held in {_of_latest(updated)}."
        )
        return [change(updated, "firing", now, confirmed)]
    if alert.state == "recovering":
        return [change(updated, "firing", now, "It came back before it was resolved.", action="again")]
    if grown and alert.column is None and condition.kind in ("data_quality", "business", "latency"):
        # whoever knows of the first does not of this
        return [change(updated, "firing", now, f"Another fault: {condition.headline}", action="news")]
    if grown or became:
        comment = f"Also in {', '.join(grown)}." if grown else condition.headline
        return [change(updated, alert.state, now, comment)]
    if alert.strength and condition.column == alert.column and condition.strength > GROWN * alert.strength:
        return [
            change(_telling(updated, condition, causes), alert.state, now, f"{GREW} {condition.message}", action="grew")
        ]
    if alert.quiet:  # taken on while it was quiet
        return [change(updated, alert.state, now, "It came back before it was resolved.", action="again")]
    return []  # it goes on as it was: nothing to tell


def _with(held: str, mark: str, needs: tuple[int, int]) -> str:
    """Return which of the latest windows held, this one among them."""
    return (held + mark)[-needs[1] :]


def _of_latest(alert: Alert) -> str:
    return f"{alert.held.count('1')} of the latest {len(alert.held)} windows; {alert.needs[0]} of {alert.needs[1]} are needed"


def _holds_on(alert: Alert, reading: Reading, now: datetime) -> list[Change]:
    """The condition holds no more, but is not over either: what waits to be confirmed is not, what is open stays so."""
    if alert.state == "pending":
        return _unconfirmed(alert, reading, now)
    if not alert.quiet or _counted(alert, reading):
        return []
    updated = replace(alert, quiet=0, judged_to=reading.window.end)
    return [change(updated, alert.state, now, "Not over yet: quiet windows are counted from the start again.")]


def _unconfirmed(alert: Alert, reading: Reading, now: datetime) -> list[Change]:
    """A window without the condition, while an alert waits for more windows with it."""
    if _counted(alert, reading):
        return []
    updated = replace(alert, held=_with(alert.held, "0", alert.needs), judged_to=reading.window.end)
    recent = (
        updated.held[-(alert.needs[1] - 1) :] if alert.needs[1] > 1 else ""
    )  # all that the next window can build on
    if "1" in recent:
        return [change(updated, "pending", now, f"It held in {_of_latest(updated)}.")]
    words = "The next window" if alert.needs[1] == 2 else "Later windows"
    return [change(updated, "resolved", now, f"{words} did not confirm it.", action="unconfirmed")]


def _quiet(alert: Alert, reading: Reading, spec: ModelSpec, now: datetime) -> list[Change]:
    """The condition does not hold in this window, and could be judged."""
    if _counted(alert, reading):
        return []
    updated = replace(alert, quiet=alert.quiet + 1, judged_to=reading.window.end)
    of_inputs = alert.kind in _OF_INPUTS  # they are what they are, whoever answers
    if not of_inputs and alert.model_version is not None and reading.model_version != alert.model_version:
        words = f"{reading.model_version} serves now, and its first judged window is fine."
        return [change(updated, "resolved", now, words, action="unconfirmed" if alert.state == "pending" else "")]
    if alert.state == "pending":
        return _unconfirmed(alert, reading, now)
    needed = quiet_needed(alert, spec)
    if updated.quiet >= needed:
        windows = "window" if updated.quiet == 1 else "windows"
        return [change(updated, "resolved", now, f"Quiet for {updated.quiet} {windows}.")]
    windows = "window" if updated.quiet == 1 else "windows"
    return [change(updated, "recovering", now, f"Quiet for {updated.quiet} {windows}; {needed} are needed.")]


def quiet_needed(alert: Alert, spec: ModelSpec) -> int:
    """Return how many quiet windows in a row resolve an alert: twice as many after each return, eight times as many at most."""
    wanted = alert.resolve_after or spec.monitor.resolve_after
    return wanted * min(1 << alert.returns, LONGER)


def _counted(alert: Alert, reading: Reading) -> bool:
    return alert.judged_to is not None and reading.window.end <= alert.judged_to
