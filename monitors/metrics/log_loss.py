"""Log loss."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile


def log_loss(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean of -ln(probability given to the label) per window, in nats; exact up to the clipping at 2**-52."""
    return mean_of(outcomes, "log loss")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean."""
    return error_of_mean(outcomes, "log loss")


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval of a mean by Student's t."""
    return interval_of_mean(outcomes, "log loss")


CHECK = Check(
    name="log_loss",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="nats",
    direction="higher_is_worse",
    summary="Mean surprise at the label, given the predicted probabilities: it punishes wrong certainty.",
    citation="Good (1952), Rational decisions, J. R. Stat. Soc. B 14(1).",
    outcome_function=log_loss,
    error_function=error,
    interval_function=interval,
)
