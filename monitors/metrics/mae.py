"""Mean absolute error."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile


def mae(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean of |prediction - label| per window, in the label's unit; exact."""
    return mean_of(outcomes, "absolute error")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean."""
    return error_of_mean(outcomes, "absolute error")


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval of a mean by Student's t."""
    return interval_of_mean(outcomes, "absolute error")


CHECK = Check(
    name="mae",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label",
    direction="higher_is_worse",
    summary="Mean absolute error: by how much predictions miss, on average.",
    citation="Willmott and Matsuura (2005), Advantages of the mean absolute error, Climate Research 30.",
    outcome_function=mae,
    error_function=error,
    interval_function=interval,
    title="Mean absolute error",
    headline=True,
)
