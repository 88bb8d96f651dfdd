"""Recall, mean over classes, each counting the same."""

from __future__ import annotations

from monitors.metrics._confusion import averaged_error, averaged_interval, averaged_scores
from monitors.metrics._intervals import Interval
from monitors.types import Check, Values
from reference_data.profile import Profile


def recall_macro(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the recall, mean over classes, each counting the same; exact on listed pairs."""
    return averaged_scores(outcomes, "recall", "macro")


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error by the delta method."""
    return averaged_error(outcomes, "recall", "macro")


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval on the scale of log odds."""
    return averaged_interval(outcomes, "recall", "macro")


CHECK = Check(
    name="recall_macro",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="share",
    direction="lower_is_worse",
    summary="Recall, mean over classes, each counting the same.",
    citation="Takahashi et al. (2022), Confidence interval for micro-averaged F1 and macro-averaged F1 scores, Appl. Intell. 52.",
    outcome_function=recall_macro,
    error_function=error,
    interval_function=interval,
    shown=False,
    title="Recall, macro",
)
