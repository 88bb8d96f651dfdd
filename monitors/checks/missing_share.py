"""Share of missing values."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.types import Check
from reference_data.profile import ColumnProfile


def missing_share(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return the share of rows without a usable value: missing, not a number or infinite. NaN for a window of no rows."""
    absent = ratio(current.missing + current.nan + current.inf, current.rows)
    return absent + np.zeros(np.shape(reference.rows))


CHECK = Check(
    name="missing_share",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="share",
    direction="both",
    summary="Share of rows in which the column holds no usable value.",
    citation="Schelter et al. (2018), Automating large-scale data quality verification, PVLDB 11(12).",
    column_function=missing_share,
)
