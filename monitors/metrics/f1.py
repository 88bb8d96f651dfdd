"""F1 score."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio
from monitors.metrics._confusion import Confusion, averaged_error, averaged_interval, averaged_scores, class_parts
from monitors.metrics._intervals import Interval, share_error, wilson
from monitors.types import Check, Values
from reference_data.profile import Profile


def f1(outcomes: Profile, positive: str | None) -> Values:
    """Return the F1 score of the positive class, or the mean over classes if there is none; exact on listed pairs."""
    if positive is None:
        return averaged_scores(outcomes, "f1", "macro")
    value = _of_jaccard(np.nan_to_num(ratio(*class_parts(outcomes, "f1", positive))))
    return np.where(Confusion(outcomes).rows > 0, value, np.nan)


def _of_jaccard(index: Values) -> Values:
    return np.asarray(2 * index / (1 + index))


def error(outcomes: Profile, positive: str | None) -> Values:
    """Return that of the Jaccard index J, a share, times dF1/dJ = 2 / (1 + J)²; of a mean over classes by the delta method."""
    if positive is None:
        return averaged_error(outcomes, "f1", "macro")
    parts = class_parts(outcomes, "f1", positive)
    return np.asarray(share_error(*parts) * 2 / (1 + ratio(*parts)) ** 2)


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return Wilson's interval of the Jaccard index J in terms of F1 = 2 J / (1 + J), which only grows with it."""
    if positive is None:
        return averaged_interval(outcomes, "f1", "macro")
    low, high = wilson(*class_parts(outcomes, "f1", positive))
    return _of_jaccard(low), _of_jaccard(high)


CHECK = Check(
    name="f1",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="share",
    direction="lower_is_worse",
    summary="Harmonic mean of precision and recall (several classes: mean over classes).",
    citation="van Rijsbergen (1979), Information Retrieval, chapter 7.",
    outcome_function=f1,
    error_function=error,
    interval_function=interval,
    title="F1 score",
)
