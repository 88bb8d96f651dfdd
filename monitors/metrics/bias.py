"""Mean error."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile


def bias(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean of prediction - label per window, in the label's unit; above zero: predictions are too high. Exact."""
    return mean_of(outcomes, "error given inputs")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean."""
    return error_of_mean(outcomes, "error given inputs")


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval of a mean by Student's t."""
    return interval_of_mean(outcomes, "error given inputs")


CHECK = Check(
    name="bias",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label",
    direction="both",
    summary="Mean of prediction minus label: whether predictions are too high or too low.",
    citation="Willmott (1982), Some comments on the evaluation of model performance, Bull. Am. Meteorol. Soc. 63(11).",
    outcome_function=bias,
    error_function=error,
    interval_function=interval,
    title="Mean error",
)
