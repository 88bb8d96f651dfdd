"""Brier score."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.metrics._intervals import Interval, by_log
from monitors.metrics._moments import error_of_mean, mean_of
from monitors.metrics._scores import binary_split, squared_sums
from monitors.types import Check
from reference_data.profile import Profile


def brier(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  the columns already part the classes
    """Return the mean squared distance of the score from 0 or 1, or of several classes summed over these (0 to 2); exact.

    NaN for scores of two classes that are no probabilities.
    """
    if "score error" in outcomes.layout.names:
        return mean_of(outcomes, "score error")
    split = binary_split(outcomes)
    return ratio(squared_sums(split)[0], split.rows) if split.shares else np.full(split.rows.shape, np.nan)


def error(outcomes: Profile, positive: str | None) -> Values:
    """Return the standard error of a mean; of two classes its spread is read off cells."""
    if "score error" in outcomes.layout.names:
        return error_of_mean(outcomes, "score error")
    split = binary_split(outcomes)
    variance = np.maximum(ratio(squared_sums(split)[1], split.rows) - brier(outcomes, positive) ** 2, 0.0)
    return np.asarray(np.sqrt(ratio(variance, np.maximum(split.rows - 1, 0.0))))


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return the interval on the scale of logarithms."""
    return by_log(brier(outcomes, positive), error(outcomes, positive))


CHECK = Check(
    name="brier",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="statistic",
    direction="higher_is_worse",
    summary="Mean squared distance of probabilities from what came true.",
    citation="Brier (1950), Verification of forecasts expressed in terms of probability, Mon. Weather Rev. 78(1).",
    outcome_function=brier,
    error_function=error,
    interval_function=interval,
    title="Brier score",
)
