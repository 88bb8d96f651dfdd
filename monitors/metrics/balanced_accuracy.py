"""Balanced accuracy."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio
from monitors.metrics._confusion import Confusion
from monitors.metrics._intervals import Interval, by_logit, wilson
from monitors.types import Check, Values
from reference_data.profile import Profile


def balanced_accuracy(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean recall of the classes that occur as a label, as scikit-learn does; exact on listed pairs."""
    table = Confusion(outcomes)
    occurs = table.actual > 0
    return ratio(np.nan_to_num(ratio(table.hits, table.actual)).sum(axis=-1), occurs.sum(axis=-1))


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return sqrt(sum of r (1 - r) / n over classes) / classes: recalls of different labels are independent."""
    table = Confusion(outcomes)
    recall = ratio(table.hits, table.actual)
    variance = np.nan_to_num(ratio(recall * (1 - recall), table.actual)).sum(axis=-1)
    return ratio(np.sqrt(variance), (table.actual > 0).sum(axis=-1))


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return the interval on the scale of log odds; where every label is found, or none, Wilson's over all rows."""
    value, table = balanced_accuracy(outcomes, positive), Confusion(outcomes)
    low, high = by_logit(value, error(outcomes, positive))
    sure = wilson(value * table.rows, table.rows)
    certain = (value <= 0) | (value >= 1)
    return np.where(certain, sure[0], low), np.where(certain, sure[1], high)


CHECK = Check(
    name="balanced_accuracy",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="share",
    direction="lower_is_worse",
    summary="Mean over classes of the share of their rows that are found: a class with few rows counts as much as any.",
    citation="Brodersen et al. (2010), The balanced accuracy and its posterior distribution, ICPR.",
    outcome_function=balanced_accuracy,
    error_function=error,
    interval_function=interval,
    shown=False,
)
