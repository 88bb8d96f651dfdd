"""Mean reciprocal rank of a ranking."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile

COLUMN = "reciprocal rank"


def mean_reciprocal_rank(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean over lists of one over the place of the first relevant row; exact."""
    return mean_of(outcomes, COLUMN)


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean over lists."""
    return error_of_mean(outcomes, COLUMN)


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval of a mean over lists by Student's t."""
    return interval_of_mean(outcomes, COLUMN)


CHECK = Check(
    name="mean_reciprocal_rank",
    scope="performance",
    kinds=frozenset({"ranking"}),
    unit="share",
    direction="lower_is_worse",
    summary="One over the place of the first relevant row.",
    citation="Voorhees (1999), The TREC-8 question answering track report.",
    outcome_function=mean_reciprocal_rank,
    error_function=error,
    interval_function=interval,
    title="Mean reciprocal rank",
)
