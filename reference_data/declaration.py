"""What a team declares of a model: the schema of ``driftdeck.toml``, validated, with every default in one place."""

from datetime import timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from reference_data.alerting import AlertKind, Channel, Link, Maintenance, Override, Rule, Windows, known_zone
from reference_data.default_checks import DEFAULT_CHECKS
from reference_data.profile import RESERVED
from reference_data.schema import Column, ColumnType, Task
from reference_data.section import Name, Section, parse_duration
from reference_data.segments import declared_segment, segment_columns
from reference_data.training import Retrain
from reference_data.windows import WindowSpec

FeedbackType = Literal["boolean", "numeric", "categorical"]
PrivacyAction = Literal["drop", "hash", "mask"]


class Budget(Section):
    """How many *false* pages and warnings a model may raise in a year."""

    pages_per_year: float = Field(default=1.0, gt=0, le=1000)
    warnings_per_year: float = Field(default=1.0, gt=0, le=1000)


class Threshold(Section):
    """A fixed limit of one check, for those who want it: it gives a verdict of its own beside the calibrated one.

    ``relative``: the limits are times the reference's own value of the check. Checks whose lower values are worse are held from below.
    """

    check: str
    column: str | None = Field(default=None, description="left out: every column the check applies to, and no column")
    segment: str | None = Field(default=None, description="inside this segment, such as 'carrier=AA'")
    warning: float | None = None
    critical: float | None = None
    relative: bool = False
    clear: float | None = Field(
        default=None, description="once passed, the alert goes on until the value is back within this, milder limit"
    )
    windows: Windows = Field(default="1 of 1", description="in how many of the latest windows it must be passed")
    runbook: Link | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.warning is None and self.critical is None:
            raise ValueError(f"threshold of {self.check!r} has neither warning nor critical; give one of them")
        return self


class CustomCheck(Section):
    """A check of the team's own: a SQL aggregate over the rows of a window, one number, such as ``avg(price / area)``.

    Judged by its natural variation in the reference's windows, or by limits if they are given.
    """

    sql: str
    unit: str = ""
    direction: Literal["higher_is_worse", "lower_is_worse", "both"] = "both"
    warning: float | None = None
    critical: float | None = None
    relative: bool = False


class BusinessMetric(Section):
    """A ratio that matters to the business: the sum of one SQL expression over rows by the sum of another, such as clicks by views.

    Both are over the inputs, ``prediction``, ``label`` and ``score`` of a row; ``denominator`` 1 makes it a mean a row. With ``labelled``,
    or where either names ``label``, only rows that have their label count. A change of less than ``tolerance`` of what is usual is immaterial.
    """

    numerator: str
    denominator: str = "1"
    title: str = ""
    unit: str = ""
    direction: Literal["higher_is_worse", "lower_is_worse", "both"] = "lower_is_worse"
    labelled: bool = False
    tolerance: float = Field(default=0.02, ge=0)
    severity: Literal["warning", "page"] = "warning"


Multivariate = Literal["pca_reconstruction", "domain_classifier", "mmd"]


class Monitor(Section):
    """When windows close, how often they are looked at, and what makes an alert."""

    window: str = "1d"
    grace: str = "6h"
    schedule: str = Field(
        default="*/15 * * * *", description="a cron line, 'every 15m', or 'every 500 rows': when so many have come"
    )
    timeout: str = Field(default="1h", description="a run that takes longer is ended; the next goes on where it was")
    min_rows: int = Field(default=30, ge=1)
    alert_budget: Budget = Budget()
    resolve_after: int = Field(default=2, ge=1, description="quiet windows before an alert is resolved")
    tolerance: float = Field(
        default=0.05, ge=0, lt=10, description="shift, in standard deviations, below which drift is immaterial"
    )
    performance_tolerance: float = Field(
        default=0.1, ge=0, description="relative loss of performance that is immaterial"
    )
    checks: tuple[str, ...] = Field(default=DEFAULT_CHECKS, description="column checks read in every window")
    custom: dict[Name, CustomCheck] = Field(default_factory=dict, description="checks of the team's own")
    metric: str | None = Field(default=None, description="the metric a model is judged by first, such as 'recall'")
    estimate: bool = Field(default=True, description="estimate performance before labels come")
    top: int = Field(default=10, ge=1, le=1000, description="k of the metrics at the first k of a list")
    business: dict[Name, BusinessMetric] = Field(default_factory=dict, description="ratios that matter to the business")
    costs: dict[str, float] = Field(
        default_factory=dict, description="what a pair 'label → prediction' costs, such as { 'yes → no' = 50 }"
    )
    thresholds: tuple[Threshold, ...] = Field(default=(), description="fixed limits beside the calibrated verdicts")
    rules: dict[Name, Rule] = Field(default_factory=dict, description="alerts of the team's own")
    overrides: tuple[Override, ...] = Field(
        default=(), description="what becomes of alerts; the first that matches decides"
    )
    runbooks: dict[AlertKind, Link] = Field(default_factory=dict, description="what to do, by kind of alert")
    multivariate: tuple[Multivariate, ...] = Field(
        default=("pca_reconstruction", "domain_classifier"), description="checks on rows as a whole"
    )

    @field_validator("window")
    @classmethod
    def _window(cls, value: str) -> str:
        WindowSpec.parse(value)
        return value

    @field_validator("grace")
    @classmethod
    def _grace(cls, value: str) -> str:
        parse_duration(value)
        return value


class Retention(Section):
    """How long log rows stay in the database, and what becomes of older ones. Profiles and readings stay for good."""

    keep: str | None = Field(default=None, description="age of event time, such as '400d'; left out: for good")
    then: Literal["archive", "drop"] = "archive"

    @field_validator("keep")
    @classmethod
    def _keep(cls, value: str | None) -> str | None:
        if value is not None and parse_duration(value) < timedelta(days=60):
            raise ValueError(f"keep {value!r} is too short: ids, late labels and windows need the latest 60d")
        return value


class ReferencePlan(Section):
    """Which part of the reference a window is held against.

    ``fixed``: all of it. ``seasonal``: its buckets of the same weekday, hour, or hour of the week. ``rolling``: the log's own
    latest ``span`` before the window, on the cells that the reference froze.
    """

    kind: Literal["fixed", "seasonal", "rolling"] = "fixed"
    season: Literal["weekday", "hour", "hour_of_week"] = "weekday"
    span: str = "28d"

    @field_validator("span")
    @classmethod
    def _span(cls, value: str) -> str:
        if parse_duration(value) < timedelta(days=1):
            raise ValueError(f"span {value!r} is shorter than a day; write for example '28d'")
        return value


class ModelSpec(Section):
    """One model. ``prediction``, ``score``, ``label``, ``id`` and ``time`` are column names in files and tables.

    ``features`` go into the model; ``context`` is logged and monitored beside it. Both may be left out: they are
    inferred when the first reference is made.
    """

    name: Name
    task: Task
    features: dict[str, ColumnType] = Field(default_factory=dict)
    context: dict[str, ColumnType] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
    prediction: str | None = "prediction"
    score: str | dict[str, str] | None = None
    label: str | None = "label"
    positive: str | None = None
    id: str | None = "prediction_id"
    subject: str | None = None
    time: str | None = "event_time"
    timezone: str = "UTC"
    segments: list[str] = Field(
        default_factory=list, description="columns, or pairs of columns such as ['carrier', 'origin']"
    )
    fairness: list[str] = Field(
        default_factory=list, description="columns by whose values people are told apart: groups to be treated alike"
    )
    query: str | None = Field(default=None, description="ranking: the column that says which list a row belongs to")
    owner: str | None = None
    feedback: dict[Name, FeedbackType] = Field(
        default_factory=dict, description="kinds of label beside the truth, such as thumbs = 'boolean'"
    )
    privacy: dict[str, PrivacyAction] = Field(
        default_factory=dict, description="columns that are dropped, hashed or masked before anything is stored"
    )
    retention: Retention = Retention()
    reference: ReferencePlan = ReferencePlan()
    monitor: Monitor = Monitor()
    retrain: Retrain = Retrain()

    @model_validator(mode="before")
    @classmethod
    def _groups_are_segments(cls, given: object) -> object:
        """Columns by which people are told apart are segments too: their profiles are kept."""
        if not isinstance(given, dict) or not isinstance(given.get("fairness"), list | tuple):
            return given
        segments = given.get("segments", [])
        if not isinstance(segments, list | tuple):
            return given
        return given | {"segments": [*segments, *(name for name in given["fairness"] if name not in segments)]}

    @field_validator("segments", mode="before")
    @classmethod
    def _segments(cls, value: object) -> object:
        return list(dict.fromkeys(map(declared_segment, value))) if isinstance(value, list | tuple) else value

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        both = self.features.keys() & self.context.keys()
        if both:
            raise ValueError(f"columns {sorted(both)} are declared both as features and as context; keep one")
        known = self.features | self.context
        reserved = RESERVED.keys() & (self.features.keys() | self.context.keys())
        if reserved:
            raise ValueError(f"columns {sorted(reserved)} have names Driftdeck uses itself; rename them")
        if self.query is not None and self.task != "ranking":
            raise ValueError(f"query says which list a row belongs to, and a model of task {self.task!r} ranks nothing")
        if self.query is not None and known and self.query not in known:
            raise ValueError(f"query {self.query!r} is not a column of the model; it has {sorted(known)}")
        self._private_consistent(known)
        lost = [name for name in self.segments if known and not _is_segment(name, known)]
        if lost:
            raise ValueError(f"segments {lost} are not columns of the model; it has {sorted(known)}")
        return self

    def _private_consistent(self, known: dict[str, ColumnType]) -> None:
        """Refuse to hide what everything else needs to read."""
        for name, action in self.privacy.items():
            kind = known.get(name)
            if action == "drop" and (kind is not None or name in {self.id, self.time, self.subject}):
                raise ValueError(f"column {name!r} is declared and dropped; take it out of one of the two")
            if name in self._judged():
                raise ValueError(
                    f"column {name!r} cannot be hidden: times, versions, predictions, scores and labels are judged"
                )
            if name == "prediction_id" and self.id not in {None, name}:
                raise ValueError(
                    f"the id of this model is called {self.id!r}: hide that, and {name!r} is hidden with it"
                )
            if action == "mask" and name in {self.id, self.subject}:
                raise ValueError(f"column {name!r} tells rows apart, and a mask would not; hash it instead")
            if kind not in {None, "categorical", "text"}:
                raise ValueError(
                    f"column {name!r} is {kind} and cannot be {action}ed: only text can; declare it categorical"
                )
        if "label" in self.feedback:
            raise ValueError("feedback 'label' has the name of the truth itself; give that kind of feedback another")

    def _judged(self) -> set[str | None]:
        """Return the names under which rows bring what everything else reads."""
        scores = set(self.score.values()) if isinstance(self.score, dict) else {self.score}
        ours = {"event_time", "label_time", "model_version", "latency_ms", "_role", "prediction", "score", "label"}
        return {self.time, self.prediction, self.label} | scores | ours

    @property
    def zone(self) -> ZoneInfo:
        """The model's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Declared inputs, features first, in the declared order."""
        entries = [(self.features, "feature"), (self.context, "context")]
        return tuple(
            Column(name, kind, "feature" if role == "feature" else "context", self.units.get(name))
            for columns, role in entries
            for name, kind in columns.items()
        )


def _is_segment(name: str, known: dict[str, ColumnType]) -> bool:
    try:
        return bool(segment_columns(name, known))
    except ValueError:
        return False


class Source(Section):
    """Where rows come from by themselves. One of ``read``, ``sql``, ``topic`` and ``kind`` says what kind of place that is.

    ``read``: a file, pattern, watched folder or object store (``s3://…``). ``sql``: a query, run against ``connection``, from the
    latest value of column ``watermark`` on. ``topic``: a message stream at the brokers of ``connection``. ``kind``: whatever else has a file
    in ``storage/sources``, by its name. ``columns`` maps their names
    to the model's; ``transform`` is a SQL SELECT over the table ``rows``, or ``file.py:function`` (in the home's folder
    ``transforms``), called with an Arrow table and returning one.
    """

    name: Name
    model: Name
    into: Literal["logs", "labels"] = "logs"
    read: str | None = None
    sql: str | None = None
    topic: str | None = None
    kind: str | None = None
    connection: str | None = None
    watermark: str | None = None
    schedule: str = "every 15m"
    columns: dict[str, str] = Field(default_factory=dict)
    transform: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    chunk_rows: int = Field(default=50_000, ge=1, le=1_000_000)
    retries: int = Field(default=3, ge=0, le=20, description="of one run, with growing pauses")
    options: dict[str, str] = Field(
        default_factory=dict, description="passed on to the driver: storage or client options"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [name for name in ("read", "sql", "topic", "kind") if getattr(self, name) is not None]
        if len(places) != 1:
            raise ValueError(f"a source has exactly one of read, sql, topic and kind; this one has {places or 'none'}")
        if self.connection is None and places[0] in {"sql", "topic"}:
            raise ValueError(f"{places[0]} needs a connection: the address of the database or of the brokers")
        if self.watermark is not None and self.sql is None:
            raise ValueError(
                "watermark is a column of a sql source; files and topics remember by themselves what was read"
            )
        return self


class Declaration(Section):
    """A whole declaration file."""

    models: dict[str, ModelSpec] = Field(default_factory=dict)
    channels: dict[str, Channel] = Field(default_factory=dict)
    maintenance: dict[str, Maintenance] = Field(default_factory=dict)
    sources: dict[str, Source] = Field(default_factory=dict)
    prune: bool = Field(
        default=False, description="channels, maintenance and sources that files declared and this one does not are taken back"
    )  # fmt: skip
