"""The JSON shapes of what surrounds a retrain: how much data, which period, lineage, models taken in and given out."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class CurvePoint(TypedDict):
    """The metric on the same later rows after learning from ``rows`` rows, with a 95 % interval."""

    rows: int
    value: float
    lower: float | None
    upper: float | None
    seconds: float  # to fit


class CurveView(TypedDict):
    """How much data is enough. ``levels_off``: fewest rows that are as good as all, within their noise; None: it still rises."""

    job_id: str
    model: str
    metric: str
    unit: str
    direction: str
    period: list[str]
    points: list[CurvePoint]
    levels_off: int | None
    sentence: str


class BacktestRow(TypedDict):
    """One way to choose the rows to learn from, judged on the same later stretches. ``change``: against the best, with its interval."""

    name: str  # all | last 4w | last 8w | since the change | weighted | the first model | champion
    words: str
    since: str | None
    until: str | None
    rows: int  # in the latest fold
    value: float | None
    lower: float | None
    upper: float | None
    change: float | None
    change_lower: float | None
    change_upper: float | None
    folds: int


class BacktestView(TypedDict):
    """Which period to learn from. ``best`` is a row's name: the first of those that are not clearly worse than the best."""

    job_id: str
    model: str
    metric: str
    unit: str
    direction: str
    rows: list[BacktestRow]
    best: str
    sentence: str


class LineageView(TypedDict):
    """Where a version comes from, and what is needed to make it again."""

    version: str
    model: str
    origin: str  # job | imported
    created_at: str
    created_by: str
    alert_id: str | None
    job_id: str | None
    reason: str
    period: list[str]
    rows: int
    data_sha256: str | None
    query: str | None
    code_sha256: str | None
    trainer: str
    params: dict[str, Any]
    seed: int | None
    libraries: dict[str, str]
    environment: dict[str, str]
    reference_version: int | None
    artefact_sha256: str
    artefact_format: str
    artefact_bytes: int
    notes: list[str]
    deployments: list[dict[str, Any]]  # at, role, share, actor, note
    baselines: list[dict[str, Any]]  # name, metric, value: simple models trained beside


class DeploymentView(TypedDict):
    """One event of a model's rollout: a version was given a role."""

    at: str
    version: str
    role: str  # champion | shadow | canary | archived | candidate
    share: float | None
    actor: str
    note: str  # why, such as rollback


class TriggerView(TypedDict):
    """What would start a retrain by itself, and what holds it back."""

    model: str
    trigger: str  # schedule | alert | labels | age
    armed: bool
    next_at: str | None
    progress: float | None  # of labels that are needed
    held_back: str | None  # "cooldown until …", "4 of 4 retrains this month"
    sentence: str
