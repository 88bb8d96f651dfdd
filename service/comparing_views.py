"""The shapes of comparisons: two files, or two slices of a model. JSON-ready; a number that cannot be said is None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from service.views import Histogram, PeerOpinion


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file as a person gave it: what it is called, and its bytes."""

    name: str
    data: bytes


ColumnVerdict = Literal["drift", "ok", "insufficient", "no_data", "error"]


class ComparedCheck(TypedDict):
    """One statistic of one column."""

    check: str
    value: float | None
    threshold: float | None
    unit: str
    p_value: float | None


class ComparedColumn(TypedDict):
    """One column of both sides. ``effect``: how far it moved, in standard deviations, where that is what decided.

    ``check``, ``value`` and ``threshold`` are of the deciding distance; ``others`` what fixed rules would say of the same rows.
    """

    column: str
    kind: str
    type: str
    unit: str
    verdict: ColumnVerdict
    p_value: float | None
    effect: float | None
    check: str
    value: float | None
    threshold: float | None
    missing_reference: float | None
    missing_current: float | None
    unseen: float | None
    histogram: Histogram | None
    sentence: str
    notes: list[str]
    checks: list[ComparedCheck]
    others: list[PeerOpinion]


class ComparedSide(TypedDict):
    """One side of a comparison: what it is called, its rows, and the time they span where that is known."""

    name: str
    rows: int
    start: str | None
    end: str | None


class ComparedTogether(TypedDict):
    """What one check says of all columns as one."""

    check: str
    drift: bool
    p_value: float | None
    sentence: str


class LeftOut(TypedDict):
    """A column that was not compared, and why."""

    column: str
    why: str


class FileComparison(TypedDict):
    """Two files, or two parts of one, column by column, what moved most first.

    ``left_out`` are the columns that only tell rows apart; the sentence does not count them.
    ``timestamp`` is the column that was taken as the time of the rows, ``times`` those it could be; ``split`` is where one file was cut.
    """

    reference: ComparedSide
    current: ComparedSide
    verdict: ColumnVerdict
    drift: bool
    drifted: int
    alpha: float
    preset: str | None
    timestamp: str | None
    times: list[str]
    split: str | None
    sentence: str
    columns: list[ComparedColumn]
    left_out: list[LeftOut]
    together: list[ComparedTogether]
    notes: list[str]


class SliceView(TypedDict):
    """One slice of a model: as it was asked for, in words, and what is in it."""

    asked: str
    words: str
    start: str
    end: str
    versions: list[str]
    segment: str | None
    rows: int
    labelled: int
    buckets: int


class ComparedMetric(TypedDict):
    """One metric of both slices with 95 % intervals.

    ``apart``: whether they differ beyond chance; ``better`` then names the better side, None where more is neither better nor worse.
    """

    metric: str
    label: str
    unit: str
    reference: float | None
    reference_lower: float | None
    reference_upper: float | None
    current: float | None
    current_lower: float | None
    current_upper: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    apart: bool
    better: Literal["reference", "current"] | None
    headline: bool


class SliceComparison(TypedDict):
    """Two slices of one model, from profiles. ``reference_version``: whose cells both are counted in."""

    model: str
    reference: SliceView
    current: SliceView
    reference_version: int
    verdict: ColumnVerdict
    drift: bool
    drifted: int
    alpha: float
    sentence: str
    metrics: list[ComparedMetric]
    columns: list[ComparedColumn]
    notes: list[str]
