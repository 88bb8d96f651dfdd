"""Number of distinct categories."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values
from monitors.types import Check
from reference_data.profile import ColumnProfile


def cardinality(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return how many categories a window holds. NaN for a window without values.

    Categories that the reference did not list count as one together, and so do those that it never held.
    """
    shape = np.broadcast_shapes(reference.rows.shape, current.rows.shape)
    found = np.broadcast_to((current.cells > 0).sum(axis=-1), shape)
    return np.asarray(np.where(np.broadcast_to(current.valid, shape) > 0, found, np.nan), dtype=np.float64)


CHECK = Check(
    name="cardinality",
    scope="column",
    kinds=frozenset({"nominal"}),
    unit="categories",
    direction="both",
    summary="Number of distinct categories that the window holds.",
    citation="Schelter et al. (2018), Automating large-scale data quality verification, PVLDB 11.",
    column_function=cardinality,
    approximate="unlisted categories count as one, and so do new ones",
)
