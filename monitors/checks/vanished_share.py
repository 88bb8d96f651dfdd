"""Share of the reference in categories that are gone."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.types import Check
from reference_data.profile import ColumnProfile

_UNLISTED = 2  # the last cells: other and unseen


def vanished_share(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the share of the reference's values in listed categories that a window does not hold. NaN for a window without values.

    In a small window rare categories are away by chance; the verdict on it (:mod:`monitors.judge_quality`) allows for that.
    """
    before, now = reference.cells[..., :-_UNLISTED], current.cells[..., :-_UNLISTED]
    gone = np.where(now == 0, before, 0).sum(axis=-1)
    return ratio(gone, np.where(current.valid > 0, reference.valid, 0))


CHECK = Check(
    name="vanished_share",
    scope="column",
    kinds=frozenset({"nominal"}),
    unit="share",
    direction="higher_is_worse",
    summary="Share of the reference in categories that the window does not hold.",
    citation="Breck et al. (2019), Data validation for machine learning, MLSys.",
    column_function=vanished_share,
)
