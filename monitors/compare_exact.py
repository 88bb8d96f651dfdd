"""Exact statistics of a one-off comparison, from the rows themselves instead of their profiles."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from monitors.registry import column_checks
from monitors.types import Values
from reference_data.bins import Bins
from reference_data.default_checks import DEFAULT_CHECKS
from reference_data.profile import BinnedColumn
from reference_data.schema import Column
from storage.column_profile import ColumnRows, count_values, is_ordered, merge_counted, profile_counted
from storage.column_values import Values as Rows

_MOST = 200_000  # distinct categories that get a cell each


def exact_values(
    column: Column, reference: Rows, current: Rows, wanted: Collection[str] | None = None
) -> dict[str, tuple[float, float]]:
    """Return (value, p-value) of the checks whose value from profiles is approximate for this column; p is NaN where there is none.

    Ordered columns (numbers, times in seconds, lengths of text): the checks with a ``row_function``, on the sorted finite values;
    memory holds both columns. Categories: every check, each category of either side having a cell of its own; nothing if there are
    more than 200,000 of them. ``wanted``: names of checks; None for :data:`reference_data.default_checks.DEFAULT_CHECKS`.
    """
    names = DEFAULT_CHECKS if wanted is None else wanted
    if not is_ordered(column):
        return _by_category(column, reference, current, names)
    functions = {
        check.name: check.row_function
        for check in column_checks(names=names).values()
        if check.row_function is not None
    }
    if not functions:
        return {}
    left, right = _sorted(reference), _sorted(current)
    return {name: function(left, right) for name, function in functions.items()}


def _sorted(rows: Rows) -> Values:
    """Return the finite values, ascending."""
    blocks = [values[np.isfinite(values)] for values, _ in ColumnRows(rows).blocks()]
    return np.sort(np.concatenate(blocks)) if blocks else np.empty(0)


def _by_category(
    column: Column, reference: Rows, current: Rows, names: Collection[str]
) -> dict[str, tuple[float, float]]:
    sides = count_values(reference), count_values(current)
    categories = merge_counted(*sides).values
    if len(categories) > _MOST:
        return {}
    entry = BinnedColumn(column, Bins("nominal", categories=tuple(categories.to_pylist())))
    base, now = (profile_counted(entry, side).column(column.name) for side in sides)
    found = {}
    for check in column_checks(entry, names).values():
        assert check.column_function is not None
        p = np.nan if check.p_function is None else check.p_function(base, now)
        found[check.name] = float(check.column_function(base, now)), float(p)
    return found
