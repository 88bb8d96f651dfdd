"""What was read of windows: single readings, performance over time, verdicts by column."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12


class ReadingView(TypedDict):
    """One current reading (INTERFACES: ``readings --json``)."""

    check: str
    scope: str  # column | performance | traffic | multivariate | custom
    column: str | None
    segment: str | None
    window_start: str
    window_end: str
    reference_version: int
    model_version: str
    value: float | None
    reference_value: float | None
    threshold: float | None
    lower: float | None
    upper: float | None
    p_value: float | None
    effect: float | None
    n: int
    n_reference: int
    verdict: str
    significant: bool
    material: bool
    harmful: bool
    unit: str
    sentence: str
    scale: int  # latest windows that were merged for the value
    ci_lower: float | None  # 95 % interval of the value itself
    ci_upper: float | None
    coverage: float | None  # share of the window's rows that have their label
    error: str | None
    computed_at: str


class PerformancePoint(TypedDict):
    """A performance metric of one version in one window or day."""

    start: str
    end: str
    model_version: str
    role: str  # serving | shadow
    value: float | None
    unit: NotRequired[str]  # of the metric: the label's, share, area, statistic, nats
    n: int
    threshold: float | None
    lower: float | None
    upper: float | None
    verdict: str
    ci_lower: NotRequired[float | None]  # 95 % interval of the value itself
    ci_upper: NotRequired[float | None]
    coverage: NotRequired[float | None]  # share of the window's rows that have their label
    maturity: NotRequired[float | None]  # share of the labels still to come that are to be expected by now
    sentence: NotRequired[str]
    first_value: NotRequired[float]  # what a reading said before late labels restated it
    restated: NotRequired[int]  # how often they did


class HeatCell(TypedDict):
    """Verdict of one column in one window. ``state``: within | significant | material | harmful | insufficient | no_data."""

    column: str
    kind: str  # feature | context | prediction | score | concept
    start: str
    state: str
    value: float | None
    threshold: float | None


class RowsDriver(TypedDict):
    """A column (of texts: a word) behind a finding, with its share in it."""

    column: str
    share: float


class RowsReading(TypedDict):
    """A reading of rows as a whole (column None), or of a text or embedding column, with what drives it."""

    check: str
    label: str
    column: str | None
    window_start: str
    window_end: str
    model_version: str
    reference_version: int
    value: float | None
    usual: float | None
    threshold: float | None
    p_value: float | None
    n: int
    verdict: str
    unit: str
    drivers: list[RowsDriver]
    sentence: str
    error: str | None
