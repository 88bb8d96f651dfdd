"""F1 score."""

from __future__ import annotations

from monitors.metrics._confusion import class_scores
from monitors.types import Check, Values
from reference_data.profile import Profile


def f1(outcomes: Profile, positive: str | None) -> Values:
    """Return the F1 score of the positive class, or the mean over classes if there is none; exact on listed pairs."""
    return class_scores(outcomes, positive)[2]


CHECK = Check(
    name="f1",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="share",
    direction="lower_is_worse",
    summary="Harmonic mean of precision and recall (several classes: mean over classes).",
    citation="van Rijsbergen (1979), Information Retrieval, chapter 7.",
    outcome_function=f1,
    title="F1 score",
)
