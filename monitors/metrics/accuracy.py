"""Accuracy."""

from __future__ import annotations

from monitors.metrics._intervals import Interval, share_error, wilson
from monitors.metrics._moments import share_true, true_rows
from monitors.types import Check, Values
from reference_data.profile import Profile


def accuracy(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the share of rows whose prediction equals their label; exact."""
    return share_true(outcomes, "correct")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a share."""
    return share_error(*true_rows(outcomes, "correct"))


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return Wilson's interval."""
    return wilson(*true_rows(outcomes, "correct"))


CHECK = Check(
    name="accuracy",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="share",
    direction="lower_is_worse",
    summary="Share of predictions that are right.",
    citation="Sokolova and Lapalme (2009), A systematic analysis of performance measures for classification, Inf. Process. Manag. 45(4).",
    outcome_function=accuracy,
    error_function=error,
    interval_function=interval,
    headline=True,
)
