"""Recall."""

from __future__ import annotations

from monitors.metrics._confusion import class_error, class_interval, class_score
from monitors.metrics._intervals import Interval
from monitors.types import Check, Values
from reference_data.profile import Profile


def recall(outcomes: Profile, positive: str | None) -> Values:
    """Return the recall of the positive class, or the mean over classes if there is none; exact on listed pairs."""
    return class_score(outcomes, "recall", positive)


def error(outcomes: Profile, positive: str | None) -> Values:
    """Return the standard error of a share, or of a mean of shares."""
    return class_error(outcomes, "recall", positive)


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return Wilson's interval, or that of a mean of shares."""
    return class_interval(outcomes, "recall", positive)


CHECK = Check(
    name="recall",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="share",
    direction="lower_is_worse",
    summary="Share of rows of the positive class that are found (several classes: mean over classes).",
    citation="van Rijsbergen (1979), Information Retrieval, chapter 7.",
    outcome_function=recall,
    error_function=error,
    interval_function=interval,
)
