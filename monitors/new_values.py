"""New values in a reference's own windows: none of them holds any, for the reference that lists what is known is made of them.

A window that comes later does hold some, so what is usual of a check would not be usual of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special

from reference_data.profile import ColumnProfile

_GOLDEN = (np.sqrt(5) - 1) / 2  # multiples of it, modulo 1, fill the unit interval evenly however many there are


def rare_share(column: ColumnProfile) -> float:
    """Return the share of values that are new to a reference without being listed by it (Good 1953): of those that it held once.

    ``column``: the reference's windows. Of a reference that did not keep count each value that is not listed is taken for one held once.
    """
    bins, held = column.entry.bins, int(column.cells.sum())
    if column.entry.ordered or not held or not bins.known_complete:  # what is not known counts as "other", never as new
        return 0.0
    return len(bins.known) / held if bins.once is None else bins.once


def with_new_values(column: ColumnProfile) -> ColumnProfile:
    """Return a reference's windows, (windows,), as later ones would be: with new values among those that are not listed.

    Each value that is not listed is new with the same probability, so a window's number of new ones is binomial; the windows get quantiles of
    that, evenly spread, and so vary as much as chance has it. A column without unlisted values is returned as it is.
    """
    rare = rare_share(column)
    if rare == 0 or not column.cells[..., -2].any():
        return column
    others = column.cells[..., -2]
    chance = min(rare * float(column.cells.sum()) / float(others.sum()), 1.0)
    level = (np.arange(1, len(others) + 1) * _GOLDEN) % 1.0
    found = np.ceil(special.bdtrik(level, others, chance)) if chance < 1 else others
    new = np.clip(np.nan_to_num(found), 0, others).astype(others.dtype)
    cells = column.cells.copy()
    cells[..., -2] -= new
    cells[..., -1] += new
    return replace(column, cells=cells)
