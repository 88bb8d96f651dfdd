"""Average precision, one class against the rest, averaged over classes."""

from __future__ import annotations

from monitors.metrics._by_class import error_over_classes, interval_over_classes, over_classes
from monitors.metrics._intervals import Interval
from monitors.metrics._scores import average_precision, average_precision_error
from monitors.types import Check, Values
from reference_data.profile import Profile


def pr_auc_ovr(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the area of each class against the rest, averaged over classes; classes that do not occur are left out."""
    return over_classes(outcomes, average_precision, "macro")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return a standard error that is rather too large."""
    return error_over_classes(outcomes, average_precision, average_precision_error, "macro")


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval on the scale of log odds."""
    return interval_over_classes(outcomes, average_precision, average_precision_error, "macro")


CHECK = Check(
    name="pr_auc_ovr",
    scope="performance",
    kinds=frozenset({"multiclass"}),
    unit="area",
    direction="lower_is_worse",
    summary="Mean precision over all thresholds of a class against the rest, averaged over classes.",
    citation="Boyd, Eng and Page (2013), Area under the precision-recall curve: point estimates and confidence intervals, ECML PKDD.",
    approximate="as that of two classes, of each class; for up to 12 classes",
    outcome_function=pr_auc_ovr,
    error_function=error,
    interval_function=interval,
    shown=False,
    title="Average precision, class against rest",
)
