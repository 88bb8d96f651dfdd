"""NDCG in the top of a ranking."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile

COLUMN = "NDCG"


def ndcg(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean over lists of the discounted gain of the top, over the best order's; exact."""
    return mean_of(outcomes, COLUMN)


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean over lists."""
    return error_of_mean(outcomes, COLUMN)


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval of a mean over lists by Student's t."""
    return interval_of_mean(outcomes, COLUMN)


CHECK = Check(
    name="ndcg",
    scope="performance",
    kinds=frozenset({"ranking"}),
    unit="share",
    direction="lower_is_worse",
    summary="How near the order of the top is to the best there could be, relevant rows first counting most.",
    citation="Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4).",
    outcome_function=ndcg,
    error_function=error,
    interval_function=interval,
    title="NDCG at k",
    headline=True,
)
