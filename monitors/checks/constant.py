"""Whether all values are one and the same."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values
from monitors.types import Check
from reference_data.profile import ColumnProfile

_UNLISTED = 2  # the last cells of a nominal column hold several categories


def constant(reference: ColumnProfile, current: ColumnProfile) -> Values:
    """Return 1 for a window whose values are all the same, else 0. NaN for a window without values.

    Of numbers minimum and maximum are compared, so a sensor that is stuck shows at once; of categories the counts.
    """
    shape = np.broadcast_shapes(reference.rows.shape, current.rows.shape)
    if current.minimum is not None and current.maximum is not None:
        same = current.minimum == current.maximum
    else:
        same = (current.cells[..., :-_UNLISTED] == current.valid[..., None]).any(axis=-1)
    found = np.where(current.valid > 0, same, np.nan)
    return found if found.shape == shape else np.broadcast_to(found, shape).copy()


CHECK = Check(
    name="constant",
    scope="column",
    kinds=frozenset({"ordered", "nominal"}),
    unit="flag",
    direction="higher_is_worse",
    summary="Whether all values of the window are one and the same.",
    citation="Schelter et al. (2018), Automating large-scale data quality verification, PVLDB 11.",
    column_function=constant,
)
