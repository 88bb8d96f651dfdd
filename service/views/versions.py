"""Trainings, versions and the gate between them."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12


class JobView(TypedDict):
    """A training job."""

    id: str
    model: str
    kind: str
    state: str  # queued | running | succeeded | failed | cancelled | lost
    progress: float
    step: str
    eta_seconds: float | None
    requested_by: str
    reason: str
    alert_id: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    exit_code: int | None
    error: str | None
    version: str | None
    period: list[str]
    log: str


class GateRow(TypedDict):
    """One line of the gate: champion against challenger on the same held-out rows."""

    name: str
    champion: float | None
    challenger: float | None
    change: float | None
    lower: float | None  # 95 % interval of the change
    upper: float | None
    allowed: str
    verdict: str  # pass | warn | fail | info
    unit: str


class VersionView(TypedDict):
    """A registered model version."""

    version: str
    model: str
    role: str  # champion | shadow | canary | archived | candidate
    share: float | None
    created_at: str
    created_by: str
    period: list[str]
    rows: int
    trainer: str
    sha256: str
    reference_version: int | None
    alert_id: str | None
    job_id: str | None
    gate: list[GateRow]
    gate_verdict: str  # passed | warned | failed | none
    gate_sentence: str
    holdout: list[str] | None
    metrics: dict[str, float]
    importance: dict[str, float]
