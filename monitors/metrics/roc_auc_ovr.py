"""Area under the ROC curve, one class against the rest, averaged over classes."""

from __future__ import annotations

from monitors.metrics._by_class import error_over_classes, interval_over_classes, over_classes
from monitors.metrics._intervals import Interval
from monitors.metrics._scores import roc_area, roc_error
from monitors.types import Check, Values
from reference_data.profile import Profile


def roc_auc_ovr(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the area of each class against the rest, averaged over classes; classes that do not occur are left out."""
    return over_classes(outcomes, roc_area, "macro")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return a standard error that is rather too large."""
    return error_over_classes(outcomes, roc_area, roc_error, "macro")


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval on the scale of log odds."""
    return interval_over_classes(outcomes, roc_area, roc_error, "macro")


CHECK = Check(
    name="roc_auc_ovr",
    scope="performance",
    kinds=frozenset({"multiclass"}),
    unit="area",
    direction="lower_is_worse",
    summary="How often a row of a class gets a higher score for it than a row of another, averaged over classes.",
    citation="Hand and Till (2001), A simple generalisation of the area under the ROC curve for multiple class problems, Mach. Learn. 45; Fawcett (2006), Pattern Recognit. Lett. 27.",
    approximate="as that of two classes, of each class; for up to 12 classes",
    outcome_function=roc_auc_ovr,
    error_function=error,
    interval_function=interval,
    title="Area under the ROC curve, class against rest",
)
