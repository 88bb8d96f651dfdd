"""A model, and what came of it: in one row, and by window."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

Health = Literal["page", "warning", "notice", "ok", "no_data", "insufficient"]


class RowCounts(TypedDict):
    """Rows a model holds."""

    logs: int
    labels: int
    quarantined: int


class MetricView(TypedDict):
    """A model's headline metric in its latest judged window."""

    name: str
    unit: str
    direction: str  # higher_is_worse | lower_is_worse
    value: float | None
    reference: float | None
    threshold: float | None
    lower: float | None  # natural variation
    upper: float | None


class BudgetView(TypedDict):
    """What a model's alert budget allows in a year, and which alerts came. Nobody knows which were false, so all of them are counted.

    Not counted: silent sources and models, failed jobs, rules of the team's own, what another alert brought about; the budget is not of them.
    """

    pages_per_year: float
    warnings_per_year: float
    days: float  # of data that were judged, the latest 365 at most
    pages: int  # of those days
    warnings: int


class ModelView(TypedDict):
    """A model in one row: what the overview shows."""

    name: str
    task: str
    owner: str | None
    timezone: str
    window: str
    health: Health
    since: str | None  # when the present trouble began (event time)
    headline: str | None  # one sentence on the worst open alert that is neither silenced nor brought about by another
    silenced: NotRequired[int]  # open alerts that are silenced
    metric: MetricView | None
    sparkline: list[float | None]  # headline metric by window, latest last, at most 30
    label_coverage: float | None  # share of the latest closed window's rows that have labels
    label_lag_hours: float | None  # median
    drifted: int  # inputs (features and context) that moved far enough to matter in the latest judged window
    columns: int  # inputs that are judged
    drifted_beside: NotRequired[list[str]]  # of prediction, score and error, those that moved far enough to matter
    rows_per_window: int | None
    rows: RowCounts
    champion: str | None
    champion_since: str | None
    rollback_to: str | None  # the champion that a rollback brings back
    reference_version: int | None
    reference_period: list[str] | None
    reference_rows: int | None
    data_until: str | None  # latest event time
    last_run: str | None
    next_run: str | None
    declared_in: str  # "file" or "dashboard"
    budget: NotRequired[BudgetView]


class WindowView(TypedDict):
    """Traffic and label coverage of one window."""

    start: str
    end: str
    rows: int
    labels: int
    coverage: float | None
    model_version: str  # serving most rows
    closed: bool
    latency_p50: NotRequired[float | None]  # ms, where latency was logged
    latency_p95: NotRequired[float | None]
