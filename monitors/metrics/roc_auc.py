"""Area under the ROC curve."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._scores import area_interval, binary_split, roc_area, roc_error, smaller_group
from monitors.types import Check, Values
from reference_data.profile import Profile


def roc_auc(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  the columns already part the classes
    """Return P(score of a positive > score of a negative), equal scores counting half, from binned scores.

    Off by at most half of the share of pairs that lie in one cell; exact where every score has a cell of its own. NaN where
    a class has no rows. Raises :class:`ValueError` when both columns are not binned alike.
    """
    return roc_area(binary_split(outcomes))


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return DeLong's standard error from binned placements."""
    return roc_error(binary_split(outcomes))


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval on the scale of log odds."""
    split = binary_split(outcomes)
    return area_interval(roc_area(split), roc_error(split), smaller_group(split))


CHECK = Check(
    name="roc_auc",
    scope="performance",
    kinds=frozenset({"binary"}),
    unit="area",
    direction="lower_is_worse",
    summary="How often a positive row gets a higher score than a negative one.",
    citation="DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves, Biometrics 44.",
    approximate="off by at most half the share of pairs of a positive and a negative row whose scores lie in one cell (of width 0.02)",
    outcome_function=roc_auc,
    error_function=error,
    interval_function=interval,
    title="Area under the ROC curve",
    headline=True,
)
