"""JSON shapes of the set-up: what was recognised in a file, what is proposed, what was chosen, how far it has come."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

Role = Literal[
    "feature",
    "context",
    "prediction",
    "score",
    "label",
    "id",
    "time",
    "subject",
    "list",
    "version",
    "latency",
    "label time",
    "ignored",
]
ROLES: tuple[Role, ...] = (
    "feature", "context", "prediction", "score", "label", "id", "time", "subject", "list", "version", "latency", "label time", "ignored",
)  # fmt: skip
Times = Literal["column", "order", "none"]
Sureness = Literal["sure", "likely", "doubtful"]


class UploadView(TypedDict):
    """A file that was dropped, kept in the home until it has been set up, or for a day."""

    id: str
    name: str
    bytes: int


class ColumnProposal(TypedDict):
    """One column of the file: what it is taken for, and why, in words."""

    name: str
    role: Role
    type: str
    segment: bool
    score_of: str | None  # the class whose score it is, of several
    why: str
    sure: Sureness
    missing: float  # share of rows
    distinct: int
    examples: list[str]


class ColumnChoice(TypedDict, total=False):
    """What a person says of one column; what is left out stays as proposed."""

    role: Role
    type: str
    segment: bool
    score_of: str | None


class Choices(TypedDict, total=False):
    """What a person says of the model; what is left out stays as proposed."""

    name: str
    task: str
    positive: str | None
    columns: dict[str, ColumnChoice]
    times: Times
    timezone: str
    window: str
    reference_windows: int
    warnings_per_year: float
    pages_per_year: float


class Note(TypedDict):
    """Something to know; ``impossible`` ones have to be settled first. ``way_on`` says how."""

    level: Literal["impossible", "doubtful", "note"]
    words: str
    way_on: str


class Slot(TypedDict):
    """One window of the file: start (ISO, local), rows, and whether it belongs to the reference."""

    start: str
    rows: int
    reference: bool


class Proposal(TypedDict):
    """Everything that will be set up, each guess with its reason."""

    upload: str
    file: str
    bytes: int
    rows: int
    sampled: int  # rows that were looked at
    columns: list[ColumnProposal]
    preview: list[dict[str, str]]
    name: str
    task: str
    task_why: str
    classes: list[str]
    positive: str | None
    positive_why: str
    times: Times
    times_why: str
    timezone: str
    timezone_why: str
    window: str
    window_why: str
    windows: list[Slot]  # the latest 400 at most
    windows_in_all: int
    rows_per_window: int
    reference_windows: int
    reference_until: str | None  # ISO, local; None: every row belongs to it
    reference_rows: int
    reference_why: str
    warnings_per_year: float
    pages_per_year: float
    smallest_shift: float | None  # standard deviations that one window shows half of the time, by sampling alone
    notes: list[Note]
    toml: str


class Step(TypedDict):
    """One step of a set-up."""

    key: str
    title: str
    state: Literal["waiting", "running", "done", "failed"]
    words: str
    seconds: float | None


class SetUpView(TypedDict):
    """How far a set-up has come. ``model`` and ``toml`` stand once it was declared."""

    upload: str
    state: Literal["waiting", "running", "done", "failed", "interrupted"]
    steps: list[Step]
    error: str | None
    model: str | None
    toml: str | None
    warnings: list[str]
    seconds: float
