"""One column in a window, as a whole and inside segments: how it is spread, and what that says."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from service.views.readings import ReadingView


class Histogram(TypedDict):
    """Reference and current on shared cells; shares sum to 1 each (missing and unseen apart).

    ``edges`` bounds the bars of an ordered column (len = bars + 1); ``labels`` names the bars of a nominal one.
    """

    edges: list[float]
    labels: list[str]
    reference: list[float]
    current: list[float]
    n_reference: int
    n_current: int
    missing_reference: float
    missing_current: float
    unseen_current: float
    below_current: float
    above_current: float
    first: NotRequired[int]  # place of the first bar among all that the reference froze; left out: 0


class DriftRow(TypedDict):
    """One line of the drift table for a window."""

    column: str
    kind: str  # feature | context | prediction | score | concept
    type: str
    unit: str | None
    state: str  # as HeatCell
    check: str
    value: float | None
    threshold: float | None
    p_value: float | None
    trend: list[float | None]
    histogram: Histogram
    sentence: str


class QuantileStep(TypedDict):
    """Quantiles of an ordered column in one window."""

    start: str
    end: str
    q05: float | None
    q25: float | None
    q50: float | None
    q75: float | None
    q95: float | None
    n: int
    missing: float


class ShareStep(TypedDict):
    """Share of each listed category in one window (nominal columns), in the order of Histogram.labels."""

    start: str
    end: str
    shares: list[float]
    n: int
    missing: float


class QuantilePair(TypedDict):
    """The same quantile of the reference and of the window."""

    p: float
    reference: float
    current: float


class ErrorByValue(TypedDict):
    """Mean absolute error (or error rate) of rows whose feature lies in a bar of the histogram."""

    label: str
    position: float | None
    n: int
    error: float | None


class PeerOpinion(TypedDict):
    """What a textbook rule would say of the same rows."""

    rule: str
    statistic: str
    value: float | None
    threshold: str
    verdict: str
    flagged: NotRequired[int]  # inputs that the rule would flag in this window, of ``columns`` that it applies to
    columns: NotRequired[int]


class GateView(TypedDict):
    """One of the three gates of an alert: significant, material, harmful."""

    name: str
    passed: bool
    sentence: str


class FeatureView(TypedDict):
    """Everything the feature page shows."""

    column: str
    type: str
    kind: str
    unit: str | None
    previous: str | None
    following: str | None
    window_start: str
    window_end: str
    reference_start: str
    reference_end: str
    reference_version: int
    state: str
    sentence: str
    threshold_origin: str
    gates: list[GateView]
    histogram: Histogram
    quantiles: list[QuantileStep]
    reference_quantiles: QuantileStep | None
    shares: list[ShareStep]
    readings: list[ReadingView]  # of the chosen window, every check
    history: list[ReadingView]  # the deciding check, window by window
    error_by_value: list[ErrorByValue]
    error_unit: str
    peers: list[PeerOpinion]
    pairs: NotRequired[list[QuantilePair]]  # of an ordered column, ascending
    ridge: NotRequired[
        list[ShareStep]
    ]  # of an ordered column: shares by window of the bars that ``ridge_edges`` bounds
    ridge_edges: NotRequired[list[float]]


class SegmentDrift(TypedDict):
    """One column inside one segment in one window, against the same segment of the reference."""

    segment: str  # as "carrier=AA" or "carrier=AA × origin=JFK"
    space: str  # the declared segment it belongs to
    column: str
    check: str  # the deciding one, or missing_share where only that is wrong
    window_start: str
    window_end: str
    n: int
    n_reference: int
    value: float | None
    threshold: float | None
    p_value: float | None
    shift: float | None  # in standard deviations of the segment's rows in the reference
    scale: int  # latest windows that were merged
    missing: float | None  # share
    verdict: str
    sentence: str
    histogram: Histogram


class SegmentError(TypedDict):
    """Performance inside one value of a declared segment, reference against now."""

    segment: str
    value: str
    reference: float | None
    current: float | None
    n: int
