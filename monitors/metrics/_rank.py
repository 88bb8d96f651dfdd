"""How often the label is among the classes of the highest scores."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values
from monitors.metrics._moments import ordered_column
from reference_data.profile import Profile


def rows_within(outcomes: Profile, k: int) -> tuple[Values, Values]:
    """Return the rows whose label is among the ``k`` highest scores, and all rows that have scores.

    Raises :class:`KeyError` without scores by class, and where there are not more than ``k`` classes: then it is every row.
    """
    column = ordered_column(outcomes, "label rank")
    if "label" in outcomes.layout.names and len(outcomes.layout.entry("label").bins.categories) <= k:
        raise KeyError(f"the label is among the first {k} of {k} classes or fewer in any case")
    inside = np.asarray(column.entry.bins.edges) <= k
    hits = column.cells[..., : len(inside)][..., inside].sum(axis=-1)
    return hits.astype(np.float64), column.valid.astype(np.float64)
