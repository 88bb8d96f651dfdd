"""What a workspace says of data on its way in, of references and of its own care: JSON-ready, as in :mod:`service.views`."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from service.views import AppendView


class LoadingView(TypedDict):
    """What whoever reads a file for a model has to know."""

    kinds: dict[str, str]  # declared column types by name
    ids: list[str]  # names that the column of ids may have
    blocks: dict[str, AppendView]  # by key: counts of blocks of files that were loaded in the last 35 days


class SourceRunView(TypedDict):
    """One run of a source. While it runs, the counts grow."""

    run_id: str
    source: str
    state: str  # running | done | failed
    trigger: str  # schedule | manual
    started_at: str
    ended_at: str | None
    seconds: float | None
    rows: int  # read, before the transform
    accepted: int
    duplicates: int
    rejected: int
    position: str | None  # the watermark, in words: "updated_at = 2026-01-02 …", "3 files", "partition 0: 120"
    error: str | None


class SourceView(TypedDict):
    """A declared source and how it is doing."""

    name: str
    model: str
    into: str  # logs | labels
    kind: str  # files | sql | stream: the file of storage/sources that reads it
    place: str  # what is read, without secrets
    schedule: str
    declared_in: str
    state: str  # running | ok | failed | waiting (never run yet)
    lag_seconds: float | None  # now less the latest event time that the source has brought
    position: str | None
    next_run: str | None
    last_run: SourceRunView | None


class QuarantineView(TypedDict):
    """One row that could not be taken. ``ref`` names it; ``repairable``: ``content`` is the whole row as JSON."""

    ref: str
    repairable: bool
    model: str
    kind: str  # log | label
    arrival_time: str
    origin: str | None
    row: int
    line: int | None
    field: str | None
    value: str | None
    expected: str | None
    error: str
    content: str | None


class RepairedRow(TypedDict):
    """A refused row as it should have come: ``ref`` names the refused one, ``row`` has the form in which rows are sent."""

    ref: str
    row: dict[str, Any]


class QuarantineGroup(TypedDict):
    """Rows refused for the same reason."""

    field: str | None
    error: str  # of the latest of them
    origin: str | None
    rows: int
    first_seen: str
    last_seen: str


class LabelWindow(TypedDict):
    """How much of one window is labelled, and how long labels took. Lags are hours from event to label."""

    start: str
    end: str
    rows: int
    labelled: int
    coverage: float | None
    corrected: int  # predictions whose label was changed at least once
    lag_p10: float | None
    lag_p50: float | None
    lag_p90: float | None
    expected_coverage: float | None  # share that windows of this age had in the past: what maturity lets expect
    mature: bool  # no more labels worth waiting for


class LabelSummary(TypedDict):
    """All labels of a model."""

    labelled: int
    corrected: int
    orphans: int  # labels whose prediction has not come
    windows: list[LabelWindow]


class LabelEntry(TypedDict):
    """One entry of a prediction's ledger, oldest first; the last of each kind is in force."""

    prediction_id: str
    kind: str  # "label", or a declared kind of feedback
    value: Any
    label_time: str
    arrival_time: str
    current: bool


class FeedbackPoint(TypedDict):
    """One kind of feedback in one window. ``share``: of true (boolean) or of each value; ``mean`` of numbers."""

    kind: str
    start: str
    end: str
    n: int
    coverage: float | None
    mean: float | None
    shares: dict[str, float]


class SchemaEvent(TypedDict):
    """A column that came otherwise than declared."""

    column: str
    event: str  # appeared | widened | disappeared | returned | ahead (of the clock)
    type: str
    rows: int
    seen_at: str
    words: str  # what happened, and what to do


class ReferenceView(TypedDict):
    """One frozen reference."""

    model: str
    version: int
    current: bool
    source: str
    created_at: str
    period: list[str]
    rows: int
    labelled: int
    columns: int
    used_by: list[str]  # model versions held against it
    warnings: list[str]  # too small for the window it judges, and the like


class ReferenceDiffRow(TypedDict):
    """One column of two references."""

    column: str
    type: str
    change: Literal["same", "shifted", "added", "removed", "retyped"]
    distance: float | None  # Jensen-Shannon, base 2
    significant: bool
    missing: list[float | None]  # share in each
    mean: list[float | None]
    sentence: str


class ErasureReceipt(TypedDict):
    """What was deleted on one subject's request; it names the subject by a keyed hash only."""

    id: str
    model: str
    subject_hash: str
    requested_at: str
    actor: str
    deleted: dict[str, int]  # rows by place: logs, labels, feedback, quarantine, samples, archives, jobs
    kept: list[str]  # places that hold the subject still, and until when


class Finding(TypedDict):
    """One line of ``doctor``."""

    check: str
    ok: bool
    words: str
    advice: str | None


class BackupView(TypedDict):
    """A backup that was written."""

    path: str
    bytes: int
    created_at: str
    models: list[str]
    seconds: float


class StorageView(TypedDict):
    """What a model occupies, and what its retention has done."""

    model: str
    rows: int
    archived_rows: int
    dropped_rows: int
    archive_bytes: int
    keep: str | None
    then: str
    oldest: str | None  # event time of the oldest row that queries reach
    next_cut: str | None  # event time before which rows leave the log at the next run
