"""The JSON shapes of what surrounds alerts: silences, rules, channels and their deliveries, runs and the schedule."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12


class SilenceView(TypedDict):
    """Who need not be told, until when; what is None or ``*`` matches everything. ``state``: waiting | active | over."""

    id: str
    state: str
    starts: str
    ends: str
    actor: str
    comment: str
    alert_id: str | None
    model: str
    kind: str | None
    column: str | None
    segment: str | None
    severity: str | None
    ended_by: str | None
    maintenance: str | None  # the declared maintenance it comes from
    alerts: list[str]  # open alerts it keeps quiet now


class RuleTerm(TypedDict):
    """Something a rule may speak of: ``psi("age")``, ``mae``, ``rows``; with its latest value."""

    term: str
    meaning: str
    unit: str
    latest: float | None


class RuleFiring(TypedDict):
    """One alert that a rule would have raised; ``until`` None: it would still be open."""

    since: str
    until: str | None
    windows: int
    sentence: str


class RulePoint(TypedDict):
    """What a rule says of one window: None where it cannot be said (``why``)."""

    window_start: str
    window_end: str
    holds: bool | None
    values: dict[str, float | None]  # of the terms it names
    why: str


class RuleTrial(TypedDict):
    """A rule held against history. ``sentence``: "It would have fired 3 times since 1 March"."""

    model: str
    when: str
    windows: int
    judged: int
    sentence: str
    firings: list[RuleFiring]
    points: list[RulePoint]


class AttemptView(TypedDict):
    """One attempt to deliver a message."""

    at: str
    ok: bool
    error: str | None


class DeliveryView(TypedDict):
    """A message to one channel. ``state``: waiting | sent | failed (given up; it can be sent again by hand)."""

    id: str
    alert_id: str | None  # None: a digest or a test
    model: str | None
    channel: str
    title: str
    state: str
    attempts: list[AttemptView]
    next_attempt: str | None
    created_at: str


class ChannelView(TypedDict):
    """A channel; ``place`` is what of its address may be shown."""

    name: str
    kind: str  # webhook | apprise | …
    place: str
    severity: list[str]
    models: list[str]
    kinds: list[str]
    digest: str | None
    next_digest: str | None
    summary: NotRequired[str | None]  # when the week is told in one message
    renotify: str | None
    heartbeat: str | None
    declared_in: str
    waiting: int
    failed: int
    last_sent: str | None
    last_error: str | None


class ChannelTest(TypedDict):
    """How a test message went."""

    channel: str
    ok: bool
    error: str | None
    seconds: float


class ModelRunView(TypedDict):
    """A run of a model's monitor. ``state``: running | done | failed | cancelled | timed_out | lost (its process ended)."""

    run_id: str
    model: str
    state: str
    trigger: str  # schedule | rows | manual | catch_up
    actor: str
    started_at: str
    ended_at: str | None
    seconds: float | None
    windows_done: int
    windows_total: int | None  # None until it is known
    readings: int
    rows: int  # that the windows hold
    alerts_opened: int
    remaining_seconds: float | None  # estimated, of a running one
    error: str | None


class ScheduleEntry(TypedDict):
    """Something that happens by itself: when it did last, how that went, when it does next."""

    name: str
    kind: Literal["monitor", "source", "digest", "heartbeat", "retrain", "maintenance"]
    model: str | None
    schedule: str
    timezone: str
    next_run: str | None
    last_run: str | None
    last_state: str | None  # ok | failed | running | late | None
    late: bool  # it should have run and did not
    note: str  # "after 500 rows: 312 have come"
    declared_in: str


class DeclaredObject(TypedDict):
    """One declared thing and its one owner: a file (changed there) or the dashboard (changed here)."""

    kind: Literal["model", "channel", "source", "maintenance"]
    name: str
    declared_in: str
    actor: str
    changed_at: str
    values: dict[str, Any]  # as declared; secrets stay as ${VAR}
    toml: str
