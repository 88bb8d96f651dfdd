"""Recall in the top of a ranking."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile

COLUMN = "recall in the top"


def recall_in_top(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean over lists of the share of relevant rows that are in the top k places; exact."""
    return mean_of(outcomes, COLUMN)


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean over lists."""
    return error_of_mean(outcomes, COLUMN)


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval of a mean over lists by Student's t."""
    return interval_of_mean(outcomes, COLUMN)


CHECK = Check(
    name="recall_in_top",
    scope="performance",
    kinds=frozenset({"ranking"}),
    unit="share",
    direction="lower_is_worse",
    summary="Share of what is relevant that is in the top.",
    citation="Manning, Raghavan and Schütze (2008), Introduction to Information Retrieval, 8.4.",
    outcome_function=recall_in_top,
    error_function=error,
    interval_function=interval,
    title="Recall at k",
)
