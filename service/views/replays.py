"""What a monitor would have done on its own reference."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12


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
