"""Top-3 accuracy."""

from __future__ import annotations

from monitors.checks._cells import ratio
from monitors.metrics._intervals import Interval, share_error, wilson
from monitors.metrics._rank import rows_within
from monitors.types import Check, Values
from reference_data.profile import Profile


def top_3_accuracy(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the share of rows whose label is among the 3 classes of the highest scores; exact."""
    return ratio(*rows_within(outcomes, 3))


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a share."""
    return share_error(*rows_within(outcomes, 3))


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return Wilson's interval."""
    return wilson(*rows_within(outcomes, 3))


CHECK = Check(
    name="top_3_accuracy",
    scope="performance",
    kinds=frozenset({"multiclass"}),
    unit="share",
    direction="lower_is_worse",
    summary="Share of rows whose label is among the 3 classes of the highest scores.",
    citation="Russakovsky et al. (2015), ImageNet large scale visual recognition challenge, Int. J. Comput. Vis. 115.",
    outcome_function=top_3_accuracy,
    error_function=error,
    interval_function=interval,
    title="Top-3 accuracy",
)
