"""Alerts with their causes and history, and what else happened."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12


class CauseView(TypedDict):
    """A probable cause; column None means that the rule from inputs to label changed."""

    column: str | None
    score: float
    sentence: str
    kind: NotRequired[str]  # rule | slice | event (at the same time: column None); left out: a column, or the rule


class AlertEventView(TypedDict):
    """One line of an alert's history."""

    at: str
    state: str
    actor: str
    comment: str
    action: NotRequired[
        str
    ]  # where it is not the state that changed: comment | owner | silence | unsilence | inhibit | …


class AlertView(TypedDict):
    """An alert (INTERFACES: ``alerts --json``), with what its page needs beside."""

    id: str
    model: str
    kind: str
    column: str | None
    segment: str | None
    severity: str
    state: str
    window_start: str
    window_end: str
    opened_at: str
    changed_at: str
    resolved_at: str | None
    significant: bool
    material: bool
    harmful: bool
    causes: list[CauseView]
    members: list[str]
    message: str
    headline: str
    owner: str | None
    model_version: str | None
    limit: NotRequired[str | None]
    silenced_until: NotRequired[str | None]
    silence_id: NotRequired[str | None]
    inhibited_by: NotRequired[str | None]  # the alert that brings this one about
    returns: NotRequired[int]  # how often it came back after it was resolved
    runbook: NotRequired[str | None]
    rule: NotRequired[str | None]  # the team's own rule
    source: NotRequired[str | None]  # the source of rows it is about
    history: list[AlertEventView]


class TimelineItem(TypedDict):
    """Something that happened: an alert, a deployment, training, a source that fails or works again."""

    at: str
    kind: str  # page | warning | notice | resolved | deploy | retrain | rollback | source | job (one that failed)
    model: str
    sentence: str
    alert_id: str | None
    version: str | None
    source: NotRequired[str | None]
    job_id: NotRequired[str | None]


class Marker(TypedDict):
    """A dotted vertical on every time chart."""

    at: str
    kind: str  # alert (a page) | warning | champion | rollback | retrain
    label: str
    until: str | None  # alerts: resolved at (or None while open)
