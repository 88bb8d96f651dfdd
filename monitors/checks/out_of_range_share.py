"""Share of values outside the reference's range."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.types import Check
from reference_data.profile import ColumnProfile


def out_of_range_share(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the share of values in cells below the reference's first or above its last filled one.

    For the whole reference these are cell 0 and the last cell. NaN for a window without values or an empty reference.
    """
    filled = reference.cells > 0
    from_left = np.cumsum(filled, axis=-1) > 0
    from_right = np.cumsum(filled[..., ::-1], axis=-1)[..., ::-1] > 0
    outside = np.where(from_left & from_right, 0, current.cells).sum(axis=-1)
    return ratio(outside, np.where(filled.any(axis=-1), current.valid, 0))


CHECK = Check(
    name="out_of_range_share",
    scope="column",
    kinds=frozenset({"ordered"}),
    unit="share",
    direction="higher_is_worse",
    summary="Share of values below the reference's minimum or above its maximum.",
    citation="Breck et al. (2019), Data validation for machine learning, MLSys.",
    column_function=out_of_range_share,
)
