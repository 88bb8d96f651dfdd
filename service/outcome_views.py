"""What a workspace says of how good a model is, and why: JSON-ready, as in :mod:`service.views`."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12


class EstimatePoint(TypedDict):
    """Performance of one window as it was estimated without labels, and as it turned out."""

    start: str
    end: str
    model_version: str
    metric: str
    method: str  # CBPE | DLE, with what it is weighted for
    value: float | None  # the estimate
    lower: float | None  # 95 % interval of the realised value to come
    upper: float | None
    threshold: float | None  # the limit of the realised metric
    realised: float | None
    coverage: float | None  # share of the window's rows that have their label
    gap: float | None  # realised - estimated
    gap_significant: bool  # beyond the interval: the rule from inputs to labels has changed
    n: int
    verdict: str
    sentence: str  # always says what the estimate cannot see


class ConceptStep(TypedDict):
    """One step of the sequential test on the loss: the labels that became known in it."""

    start: str
    end: str
    event_start: str
    event_end: str
    n: int
    loss: float | None  # mean
    evidence: float  # of the e-detector; an alarm at the threshold
    alarm: bool


class ConceptView(TypedDict):
    """What the sequential test on the loss says of the champion: whether, since when, how."""

    model: str
    model_version: str
    loss: str  # absolute error | log loss | error
    unit: str
    reference: float | None  # mean loss in the reference
    threshold: float
    average_run_length: float  # at least, in steps without change
    steps: list[ConceptStep]
    alarmed_at: str | None  # end of the step in which it fired first since it was started anew
    onset: str | None  # estimated event time of the change
    onset_lower: str | None  # 95 %
    onset_upper: str | None
    shape: str | None  # sudden | gradual | passed (it went back)
    size: float | None  # change of the mean loss since the onset
    sentence: str


class ChangeParts(TypedDict):
    """A change of performance, taken apart: other inputs P(X), and another rule P(Y|X)."""

    model: str
    model_version: str
    start: str
    end: str
    loss: str
    unit: str
    reference: float
    current: float
    change: float
    lower: float
    upper: float
    inputs: float  # the part that other inputs account for
    inputs_lower: float
    inputs_upper: float
    rule: float  # the part of a changed rule
    rule_lower: float
    rule_upper: float
    overlap: float  # effective share of the reference's rows after weighting: low means that inputs left the reference
    context: NotRequired[float]  # of the rule's part, what goes with columns that the model does not see
    context_lower: NotRequired[float]
    context_upper: NotRequired[float]
    context_overlap: NotRequired[float]  # too low, and the three above are left out
    n_reference: int
    n: int
    sentence: str


class SliceView(TypedDict):
    """A part of the rows that lost more than chance explains, found on one half of the rows and confirmed on the other."""

    name: str  # "carrier = UA" or "carrier = UA and hour 17-20"
    columns: list[str]
    share: float  # of the rows
    n: int
    reference: float | None  # its loss in the reference
    current: float | None
    shrunk: float  # its loss of performance, shrunk towards the whole: slices are ranked by it
    lower: float
    upper: float
    p_value: float  # on the rows held out, corrected for the slices that were tried
    sentence: str


class RowExample(TypedDict):
    """A row that stands for a change."""

    id: str
    at: str
    values: dict[str, str | float | bool | None]
    prediction: str | float | None
    label: str | float | None
    loss: float | None


class DetailView(TypedDict):
    """What stands behind the metrics of a period: every metric, and by task the confusion, the calibration, the errors by range."""

    model: str
    model_version: str
    start: str
    end: str
    n: int
    coverage: float | None
    maturity: float | None  # share of the labels still to come that have come by now, as lags of earlier ones tell
    metrics: list[MetricDetail]
    classes: list[str]
    confusion: list[list[int]]  # rows: label, columns: prediction
    calibration: list[CalibrationBin]
    by_range: list[RangeError]


class MetricDetail(TypedDict):
    """One metric of a period, with its interval, beside the reference's."""

    name: str
    label: str
    unit: str
    direction: str
    value: float | None
    lower: float | None  # 95 %, by sampling
    upper: float | None
    reference: float | None


class CalibrationBin(TypedDict):
    """Rows whose score lies in one bin: what was predicted, and what came."""

    lower: float
    upper: float
    predicted: float
    observed: float
    observed_lower: float  # 95 %, Wilson
    observed_upper: float
    n: int
    reference: float | None  # observed share in the reference


class RangeError(TypedDict):
    """Errors of the rows whose label lies in one range."""

    lower: float
    upper: float
    n: int
    mae: float | None
    bias: float | None
    reference_mae: float | None


class GroupMetric(TypedDict):
    """One metric of one group of people."""

    group: str  # the value
    metric: str
    label: str
    value: float | None
    lower: float | None
    upper: float | None
    n: int


class FairnessView(TypedDict):
    """A declared column by whose values people are told apart: metrics by group, and the widest gap of each metric."""

    column: str
    start: str
    end: str
    groups: list[GroupMetric]
    gaps: list[GroupGap]


class GroupGap(TypedDict):
    """The widest difference of a metric between two groups."""

    metric: str
    label: str
    best: str
    worst: str
    difference: float
    lower: float
    upper: float
    ratio: float | None
    significant: bool
    sentence: str


class VersionComparison(TypedDict):
    """Two versions on the same rows."""

    model: str
    version: str
    other: str
    start: str
    end: str
    n: int  # rows that both answered, with a label
    paired: bool
    metrics: list[VersionDifference]
    sentence: str


class VersionDifference(TypedDict):
    """One metric of two versions."""

    metric: str
    label: str
    unit: str
    value: float | None
    other: float | None
    difference: float | None
    lower: float | None  # 95 %, days as clusters
    upper: float | None
    better: str | None  # version that is better beyond the interval, None: they cannot be told apart


class ServicePoint(TypedDict):
    """The service around the model in one window."""

    start: str
    end: str
    model_version: str
    rows: int
    rows_per_second: float | None
    latency_p50: float | None  # ms
    latency_p95: float | None
    latency_p99: float | None
    requests: int | None
    error_share: float | None
    cpu: float | None  # cores in use
    memory: float | None  # bytes
    verdict: str
    sentence: str


class BusinessPoint(TypedDict):
    """A ratio of the business in one window."""

    metric: str
    label: str
    unit: str
    start: str
    end: str
    model_version: str
    role: str
    value: float | None
    lower: float | None
    upper: float | None
    n: int
    reference: float | None  # the mean of the reference's windows, or of the log's first
    usual_lower: float | None  # natural variation
    usual_upper: float | None
    threshold: float | None
    verdict: str
    sentence: str


class BusinessLift(TypedDict):
    """A ratio of the business, one version against another over the same time."""

    metric: str
    label: str
    unit: str
    version: str
    other: str
    value: float
    other_value: float
    lift: float  # value / other_value - 1
    lower: float | None
    upper: float | None
    n: int
    other_n: int
    sentence: str
