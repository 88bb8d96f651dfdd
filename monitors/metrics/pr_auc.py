"""Area under the precision-recall curve: average precision."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._scores import (
    area_interval,
    average_precision,
    average_precision_error,
    binary_split,
    smaller_group,
)
from monitors.types import Check, Values
from reference_data.profile import Profile


def pr_auc(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  the columns already part the classes
    """Return the average precision over thresholds at the cells' edges; exact where every score has a cell of its own."""
    return average_precision(binary_split(outcomes))


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error by the delta method."""
    return average_precision_error(binary_split(outcomes))


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval on the scale of log odds."""
    split = binary_split(outcomes)
    return area_interval(average_precision(split), average_precision_error(split), smaller_group(split))


CHECK = Check(
    name="pr_auc",
    scope="performance",
    kinds=frozenset({"binary"}),
    unit="area",
    direction="lower_is_worse",
    summary="Mean precision over all thresholds: how pure the top of the list is when positives are rare.",
    citation="Boyd, Eng and Page (2013), Area under the precision-recall curve: point estimates and confidence intervals, ECML PKDD.",
    approximate="off by at most the sum, over cells (of width 0.02), of the share of positives in one times the range of the precision within it",
    outcome_function=pr_auc,
    error_function=error,
    interval_function=interval,
    title="Average precision",
)
