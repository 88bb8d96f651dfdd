"""What was done: rows taken in and shown, runs, the demo's player."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12


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


class DemoView(TypedDict):
    """The state of the demo's player."""

    clock: str
    until: str
    playing: bool
    progress: float
    eta_seconds: float | None
    step: str
    end: str
