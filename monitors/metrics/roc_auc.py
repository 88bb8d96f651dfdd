"""Area under the ROC curve."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio
from monitors.types import Check, Values
from reference_data.profile import Profile


def roc_auc(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  the columns already part the classes
    """Return P(score of a positive > score of a negative), equal scores counting half, from binned scores.

    Off by at most half of the share of pairs that lie in one cell; exact where every score has a cell of its own. NaN where
    a class has no rows. Raises :class:`ValueError` when both columns are not binned alike.
    """
    positives, negatives = outcomes.column("score of positives"), outcomes.column("score of negatives")
    if positives.entry.bins.edges != negatives.entry.bins.edges:
        raise ValueError("scores of positives and of negatives are binned differently; freeze them on the same edges")
    below = np.cumsum(negatives.cells, axis=-1) - negatives.cells / 2
    wins = (positives.cells * below).sum(axis=-1)
    return ratio(wins, positives.valid.astype(np.float64) * negatives.valid)


CHECK = Check(
    name="roc_auc",
    scope="performance",
    kinds=frozenset({"binary"}),
    unit="area",
    direction="lower_is_worse",
    summary="How often a positive row gets a higher score than a negative one.",
    citation="Hanley and McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143(1).",
    outcome_function=roc_auc,
    title="Area under the ROC curve",
    headline=True,
)
