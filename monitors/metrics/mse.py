"""Mean squared error."""

from __future__ import annotations

from monitors.checks._cells import Values
from monitors.metrics._intervals import Interval, by_log
from monitors.metrics._moments import error_of_squares, mean_square_of
from monitors.types import Check
from reference_data.profile import Profile


def mse(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return bias² + variance of prediction - label per window, in the square of the label's unit; exact."""
    return mean_square_of(outcomes, "error given inputs")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean."""
    return error_of_squares(outcomes)


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return the interval on the scale of logarithms: squared errors lean to the right."""
    return by_log(mse(outcomes, positive), error(outcomes, positive))


CHECK = Check(
    name="mse",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label²",
    direction="higher_is_worse",
    summary="Mean squared error.",
    citation="Willmott (1982), Some comments on the evaluation of model performance, Bull. Am. Meteorol. Soc. 63(11).",
    outcome_function=mse,
    error_function=error,
    interval_function=interval,
    shown=False,
    title="Mean squared error",
)
