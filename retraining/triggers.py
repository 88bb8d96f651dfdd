"""What starts a retrain by itself: what is declared and what is known of a model -> what is due, and what holds it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from reference_data.section import parse_duration
from retraining.period import before

if TYPE_CHECKING:
    from reference_data.training import Retrain

#: Who asks for a job that a trigger started: ``trigger:alert``, ….
ACTOR = "trigger:"
MONTH = timedelta(days=30)
_ORDER = ("alert", "schedule", "labels", "age")  # what tells most about why comes first
_BAD = ("failed", "lost")


@dataclass(frozen=True, slots=True)
class Retrained:
    """One retrain there was: when it was asked for (aware), by whom, for which alert, and what became of it.

    ``until``: the event time at which its rows end.
    """

    at: datetime
    state: str
    actor: str
    alert_id: str | None = None
    error: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model at ``now`` (all times aware).

    ``impossible`` says why nothing can be learned; ``under_way`` names the job at work; ``retrains`` come oldest first; ``armed_at`` is
    since when the schedule counts; ``alerts`` are (id, headline) of those that fire and say the model does harm, ``began`` their first
    windows' starts by id; ``labelled_until`` is the event time at which rows with labels end; ``labels`` have come since the latest
    retrain that succeeded; ``newest_row`` is the event time up to which any version has learned.
    """

    model: str
    now: datetime
    timezone: str
    retrains: tuple[Retrained, ...] = ()
    under_way: str | None = None
    impossible: str | None = None
    armed_at: datetime | None = None
    alerts: tuple[tuple[str, str], ...] = ()
    began: Mapping[str, datetime] = field(default_factory=dict)
    labelled_until: datetime | None = None
    labels: int = 0
    newest_row: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One trigger: whether it is ``due``, since or from when (``due_at``), what holds it back until when, and all of it in words."""

    trigger: str
    due: bool
    sentence: str
    due_at: datetime | None = None
    progress: float | None = None
    held_back: str | None = None
    held_until: datetime | None = None
    alert_id: str | None = None
    again: bool = False  # the second retrain because of one alert

    @property
    def next_at(self) -> datetime | None:
        """When it starts a retrain, where that can be told."""
        if self.held_back is not None and self.held_until is None:
            return None
        moments = [moment for moment in (self.due_at, self.held_until) if moment is not None]
        return max(moments) if self.due_at is not None or (self.due and moments) else None


def judge(retrain: Retrain, facts: Facts) -> list[Finding]:
    """Return what each declared trigger says, the one that tells most first."""
    judged = {"alert": _alert, "schedule": _schedule, "labels": _labels, "age": _age}
    found = [judged[name](retrain, facts) for name in _ORDER if name in retrain.trigger]
    words, until = hold(retrain, facts)
    return [
        Finding(
            one.trigger, one.due, one.sentence, one.due_at, one.progress,
            held_back=words, held_until=until, alert_id=one.alert_id, again=one.again,
        )
        for one in found
    ]  # fmt: skip


def chosen(found: list[Finding]) -> Finding | None:
    """Return the trigger that starts a retrain now, None when none does; others that are due are served by the same job."""
    return next((one for one in found if one.due and one.held_back is None), None)


def hold(retrain: Retrain, facts: Facts) -> tuple[str | None, datetime | None]:
    """Return what keeps every trigger of a model from starting anything, in words, and until when where that is known."""
    if facts.impossible is not None:
        return facts.impossible, None
    if facts.under_way is not None:
        return f"job {facts.under_way} is under way", None
    ended = [one for one in facts.retrains if one.state != "cancelled"]
    if len(ended) >= 2 and all(one.state in _BAD for one in ended[-2:]):
        why = ended[-1].error or "no further words"
        return (
            f"the latest two retrains failed, the last with: {why} - mend the cause and start one by hand: "
            f"driftdeck retrain {facts.model}"
        ), None
    held = [found for found in (_cooldown(retrain, facts), _month(retrain, facts)) if found is not None]
    return max(held, key=lambda one: one[1]) if held else (None, None)


def _cooldown(retrain: Retrain, facts: Facts) -> tuple[str, datetime] | None:
    if not facts.retrains:
        return None
    last = facts.retrains[-1].at
    until = last + parse_duration(retrain.cooldown)
    if until <= facts.now:
        return None
    return f"cooldown until {_moment(until, facts)}: the last retrain began {_moment(last, facts)}", until


def _month(retrain: Retrain, facts: Facts) -> tuple[str, datetime] | None:
    mine = [one.at for one in facts.retrains if one.actor.startswith(ACTOR) and one.at > facts.now - MONTH]
    if len(mine) < retrain.per_month:
        return None
    until = mine[-retrain.per_month] + MONTH
    return (
        f"{len(mine)} of {retrain.per_month} retrains by triggers in 30 days; the next may start {_moment(until, facts)}",
        until,
    )


def _alert(retrain: Retrain, facts: Facts) -> Finding:
    """An alert earns a retrain when it fires, and another once there are enough rows of what it is about, if it still fires then."""
    for alert_id, headline in facts.alerts:
        mine = [one for one in facts.retrains if one.alert_id == alert_id]
        if not mine:
            return Finding("alert", True, f"Alert {alert_id} fires: {headline}.", alert_id=alert_id)
        early = len(mine) == 1 and not _enough(mine[0].until, alert_id, retrain, facts)
        if early and _enough(facts.labelled_until, alert_id, retrain, facts):
            words = f"Alert {alert_id} still fires, and now there are two hold-outs of rows since it began: {headline}."
            return Finding("alert", True, words, alert_id=alert_id, again=True)
    done = " Each alert that fires now has had its retrain." if facts.alerts else " None fires now."
    return Finding("alert", False, f"When an alert says that the model does harm.{done}")


def _enough(until: datetime | None, alert_id: str, retrain: Retrain, facts: Facts) -> bool:
    """Whether rows up to ``until`` leave two hold-outs since the alert's first window: from then on they are learned from alone."""
    began = facts.began.get(alert_id)
    if until is None or began is None:
        return False
    return before(until, 2 * parse_duration(retrain.holdout), ZoneInfo(facts.timezone)) >= began


def _schedule(retrain: Retrain, facts: Facts) -> Finding:
    from monitors.schedule import next_time  # the scheduler's library, only for those who have a schedule

    text = str(retrain.schedule)
    marks = [facts.armed_at or facts.now, *(one.at for one in facts.retrains[-1:])]
    due_at = next_time(text, facts.timezone, max(marks))
    how = text if text.startswith("every") else f"by the schedule '{text}'"
    if due_at <= facts.now:  # however many times were slept through: one retrain makes up for all
        return Finding("schedule", True, f"Due {how} since {_moment(due_at, facts)}.", due_at)
    return Finding("schedule", False, f"Next {how}: {_moment(due_at, facts)}.", due_at)


def _labels(retrain: Retrain, facts: Facts) -> Finding:
    wanted = retrain.after_labels or 1
    what = "since the last retrain that succeeded" if any(r.state == "succeeded" for r in facts.retrains) else "so far"
    words = f"After {wanted:,} new labels: {facts.labels:,} have come {what}."
    return Finding("labels", facts.labels >= wanted, words, progress=min(1.0, facts.labels / wanted))


def _age(retrain: Retrain, facts: Facts) -> Finding:
    text = str(retrain.max_age)
    if facts.newest_row is None:
        words = f"When the newest row learned from is older than {text}: nothing was learned here yet; start the first retrain by hand."
        return Finding("age", False, words)
    due_at = facts.newest_row + parse_duration(text)
    words = f"The newest row learned from is of {_moment(facts.newest_row, facts)}"
    if due_at <= facts.now:
        return Finding("age", True, f"{words}, which is longer ago than {text}.", due_at)
    return Finding("age", False, f"{words}; it is {text} old {_moment(due_at, facts)}.", due_at)


def _moment(moment: datetime, facts: Facts) -> str:
    return f"{moment.astimezone(ZoneInfo(facts.timezone)):%Y-%m-%d %H:%M}"
