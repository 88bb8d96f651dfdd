"""Metrics of rankings: means over lists of what one list is worth."""

from __future__ import annotations

from functools import partial

from monitors.metrics._intervals import Interval
from monitors.metrics._moments import error_of_mean, interval_of_mean, mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile


def over_lists(name: str, column: str, *, title: str, summary: str, citation: str, headline: bool = False) -> Check:
    """Return the metric that is the mean of an outcome column of lists; exact, with the interval of a mean over lists by Student's t."""
    return Check(
        name=name,
        scope="performance",
        kinds=frozenset({"ranking"}),
        unit="share",
        direction="lower_is_worse",
        summary=summary,
        citation=citation,
        outcome_function=partial(_mean, column=column),
        error_function=partial(_error, column=column),
        interval_function=partial(_interval, column=column),
        title=title,
        headline=headline,
    )


def _mean(outcomes: Profile, positive: str | None, *, column: str) -> Values:  # noqa: ARG001  metrics share one signature
    return mean_of(outcomes, column)


def _error(outcomes: Profile, positive: str | None, *, column: str) -> Values:  # noqa: ARG001
    return error_of_mean(outcomes, column)


def _interval(outcomes: Profile, positive: str | None, *, column: str) -> Interval:  # noqa: ARG001
    return interval_of_mean(outcomes, column)
