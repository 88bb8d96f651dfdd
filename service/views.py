"""The shapes in which a workspace answers: JSON-ready, the same over HTTP, on the command line and in the dashboard.

Times are ISO 8601 text with offset. A number that cannot be said is None.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

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


class GateView(TypedDict):
    """One of the three gates of an alert: significant, material, harmful."""

    name: str
    passed: bool
    sentence: str


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


class RowPage(TypedDict):
    """One page of logged rows."""

    columns: list[str]
    rows: list[dict[str, Any]]
    total: int
    offset: int
    limit: int


class AppendView(TypedDict):
    """What became of appended rows."""

    accepted: int
    duplicates: int
    rejected: list[
        dict[str, Any]
    ]  # {"row", "field", "value", "error", "expected"}, of a file its "line" too; the first thousand
    rejected_rows: int  # all of them


class RunView(TypedDict):
    """What a run did."""

    model: str
    windows: int
    readings: int
    alerts_opened: list[str]
    alerts_resolved: list[str]
    seconds: float
    state: str  # done | cancelled | timed_out: what is left is judged by the next one


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


class DemoView(TypedDict):
    """The state of the demo's player."""

    clock: str
    until: str
    playing: bool
    progress: float
    eta_seconds: float | None
    step: str
    end: str


class ReplayAlert(TypedDict):
    """A window of the reference that would have raised an alert."""

    window_start: str
    window_end: str
    column: str | None
    severity: str
    sentence: str


class Sensitivity(TypedDict):
    """How small a change of one column is seen, and after how many windows. Shifts are in standard deviations, or in share points."""

    column: str
    unit: str  # standard deviations | share
    windows: list[int]
    shifts: list[float]  # that are found half of the time after so many windows


class ReplayView(TypedDict):
    """What a monitor would have done on its own reference, and what is to be expected of it in a year in which nothing is wrong."""

    model: str
    reference_version: int
    windows: int  # replayed
    rows_per_window: float
    alerts: list[ReplayAlert]
    expected_pages_per_year: float
    expected_warnings_per_year: float
    budget_pages_per_year: float
    budget_warnings_per_year: float
    sensitivity: list[Sensitivity]
    advice: list[str]
    summary: str  # one sentence: what to expect of a year, and what is found soon
