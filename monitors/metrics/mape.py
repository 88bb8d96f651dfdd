"""Mean absolute percentage error."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile


def mape(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean of |prediction - label| / |label| per window, over rows whose label is not 0; exact."""
    return mean_of(outcomes, "percentage error")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean."""
    return error_of_mean(outcomes, "percentage error")


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval of a mean by Student's t."""
    return interval_of_mean(outcomes, "percentage error")


CHECK = Check(
    name="mape",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="share",
    direction="higher_is_worse",
    summary="Mean of the absolute error over the label: by which share predictions miss, on average. Rows whose label is 0 have none.",
    citation="Hyndman and Koehler (2006), Another look at measures of forecast accuracy, Int. J. Forecast. 22(4).",
    outcome_function=mape,
    error_function=error,
    interval_function=interval,
    title="Mean absolute percentage error",
)
