"""The shapes of reports and of the week: JSON-ready, the same over HTTP, on the command line and in the dashboard."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from service.data_views import QuarantineGroup, SchemaEvent
from service.outcome_views import MetricDetail
from service.views import CauseView, DriftRow, Health, HeatCell, PerformancePoint, WindowView


class ReportAlert(TypedDict):
    """An alert whose trouble touches the period."""

    id: str
    severity: str
    state: str
    headline: str
    message: str
    since: str
    until: str | None
    opened_at: str
    owner: str | None
    causes: list[CauseView]


class ReportVersion(TypedDict):
    """A version that answered in the period, or a change of champion."""

    version: str
    since: str
    what: str  # serving | champion | rollback


class ReportMetric(TypedDict):
    """The headline metric of the model and what it is held against."""

    name: str
    unit: str
    direction: str  # higher_is_worse | lower_is_worse
    reference: float | None


class ReportView(TypedDict):
    """One window, or a range of windows, of one model. Drift and quality are those of ``window``, the latest in the period.

    The performance of one window comes with that of the eleven before it.
    """

    model: str
    task: str
    owner: str | None
    timezone: str
    scope: Literal["window", "range"]
    name: str  # what people call the period
    start: str
    end: str
    written_at: str
    health: Health
    sentence: str
    changes: list[str]
    metric: ReportMetric | None
    performance: list[PerformancePoint]
    metrics: list[MetricDetail]
    window: WindowView
    windows: list[WindowView]
    drift: list[DriftRow]
    heat: list[HeatCell]
    alerts: list[ReportAlert]
    refused: list[QuarantineGroup]
    schema_events: list[SchemaEvent]
    judged: list[str]
    versions: list[ReportVersion]


class MakingView(TypedDict):
    """Where a report that another process makes stands."""

    state: Literal["none", "making", "ready", "failed"]
    seconds: float | None  # since it was begun
    error: str | None


class WeekModel(TypedDict):
    """One model's week."""

    model: str
    owner: str | None
    health: Health
    since: str | None
    sentence: str
    metric: str | None
    value: float | None
    reference: float | None
    unit: str
    opened: int  # alerts in the week
    resolved: int
    open: int  # at the end of the week
    rows: int  # in windows that ended in the week
    labels: int
    label_coverage: float | None
    outstanding: int  # rows of those windows whose label has not come


class WeekBudget(TypedDict):
    """False alerts that were declared acceptable, and pages and warnings that were raised, true or false, in the year to the week's end."""

    model: str
    pages_per_year: float
    warnings_per_year: float
    pages: int
    warnings: int


class WeekEvent(TypedDict):
    """Something that happened in the week."""

    at: str
    kind: str
    model: str
    sentence: str


class WeekSource(TypedDict):
    """A source that fails."""

    source: str
    model: str
    since: str | None
    error: str | None


class WeekRun(TypedDict):
    """Something that happens by itself in the seven days to come."""

    at: str  # the first time
    what: str
    name: str
    often: str  # as declared


class SummaryView(TypedDict):
    """One week across all models, as it stood at ``as_of``: its end, or now. ``needs``: who needs a person, the worst first."""

    start: str
    end: str
    as_of: str
    timezone: str
    written_at: str
    sentence: str
    models: list[WeekModel]
    needs: list[str]
    budget: list[WeekBudget]
    events: list[WeekEvent]
    sources: list[WeekSource]
    runs: list[WeekRun]
