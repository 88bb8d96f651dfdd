"""The JSON shapes of what is asked of single columns: which there are, and what the model does with their values."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12


class ColumnName(TypedDict):
    """A column that has a page."""

    name: str
    kind: str  # feature | context | prediction | score | concept
    type: str
    unit: str | None


class Estimate(TypedDict):
    """A mean over ``n`` rows with its 95 % interval; None where rows are too few to say."""

    n: int
    value: float | None
    lower: float | None
    upper: float | None


class RelationBar(TypedDict):
    """The rows whose value lies in one bar of the reference's histogram; ``place`` None: rows without a value."""

    place: int | None
    label: str
    low: float | None  # the bar holds (low, high]; None: open, or a category
    high: float | None
    position: float | None
    n: int
    n_reference: int
    prediction: Estimate
    prediction_reference: Estimate
    error: Estimate
    error_reference: Estimate


class RelationView(TypedDict):
    """A partial view: what the model predicts and how wrong it is by value of a column, reference against current.

    ``prediction_name``: mean prediction, mean score, or the share of one answer; None: the model has none that a mean can be taken of.
    ``error_name``: mean absolute error or share of wrong answers; None: the task has no error of single rows.
    """

    column: str
    window_start: str
    window_end: str
    prediction_name: str | None
    prediction_unit: str
    error_name: str | None
    error_unit: str
    bars: list[RelationBar]
    n: int
    n_reference: int  # rows of the reference that are kept as rows
