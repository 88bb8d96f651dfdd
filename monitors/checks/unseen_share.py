"""Share of categories that are new."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.types import Check
from reference_data.profile import ColumnProfile


def unseen_share(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the share of values in categories that the reference never held. NaN for a window without values.

    A reference with more distinct values than it could keep counts what it did not list as ``other``, never as unseen.
    """
    new = np.where(reference.cells == 0, current.cells, 0).sum(axis=-1)
    return ratio(new, current.valid)


CHECK = Check(
    name="unseen_share",
    scope="column",
    kinds=frozenset({"nominal"}),
    unit="share",
    direction="higher_is_worse",
    summary="Share of values in categories that the reference never held.",
    citation="Breck et al. (2019), Data validation for machine learning, MLSys.",
    column_function=unseen_share,
)
