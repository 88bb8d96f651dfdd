"""Precision."""

from __future__ import annotations

from monitors.metrics._confusion import class_scores
from monitors.types import Check, Values
from reference_data.profile import Profile


def precision(outcomes: Profile, positive: str | None) -> Values:
    """Return the precision of the positive class, or the mean over classes if there is none; exact on listed pairs."""
    return class_scores(outcomes, positive)[0]


CHECK = Check(
    name="precision",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="share",
    direction="lower_is_worse",
    summary="Share of predictions of the positive class that are right (several classes: mean over classes).",
    citation="van Rijsbergen (1979), Information Retrieval, chapter 7.",
    outcome_function=precision,
)
