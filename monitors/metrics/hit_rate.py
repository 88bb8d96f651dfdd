"""Hit rate in the top of a ranking."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile

COLUMN = "hit in the top"


def hit_rate(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the share of lists that have a relevant row in the top k places; exact."""
    return mean_of(outcomes, COLUMN)


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean over lists."""
    return error_of_mean(outcomes, COLUMN)


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval of a mean over lists by Student's t."""
    return interval_of_mean(outcomes, COLUMN)


CHECK = Check(
    name="hit_rate",
    scope="performance",
    kinds=frozenset({"ranking"}),
    unit="share",
    direction="lower_is_worse",
    summary="Share of lists with anything relevant in the top.",
    citation="Deshpande and Karypis (2004), Item-based top-N recommendation algorithms, ACM TOIS 22(1).",
    outcome_function=hit_rate,
    error_function=error,
    interval_function=interval,
    title="Hit rate at k",
)
