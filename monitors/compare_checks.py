"""The checks of one column of a one-off comparison: values, what they are held against, and the tests' p-values."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from monitors.compare_result import CheckValue
from monitors.registry import column_checks
from monitors.types import ColumnFunction
from reference_data.default_checks import DEFAULT_CHECKS
from reference_data.profile import ColumnProfile


def check_values(
    shown: tuple[ColumnProfile, ColumnProfile],
    wanted: Collection[str] | None,
    thresholds: Mapping[str, float],
    exact: Mapping[str, tuple[float, float]] | None = None,
) -> tuple[CheckValue, ...]:
    """Return the checks that apply to a column, by name, in alphabetical order.

    Args:
        shown: The column of the reference, without leading axis, and of the current side, (1,).
        wanted: Names of checks; None for :data:`reference_data.default_checks.DEFAULT_CHECKS`.
        thresholds: What the verdict holds a check's value against, where it does; for the others it is what chance alone exceeds
            once in a hundred times.
        exact: (value, p-value) of checks that were computed from rows (:mod:`monitors.compare_exact`), instead of the profiles'.
    """
    base, now = shown
    found = []
    for check in column_checks(base.entry, DEFAULT_CHECKS if wanted is None else wanted).values():
        if exact is not None and check.name in exact:
            value, p = exact[check.name]
        else:
            value, p = _number(check.column_function, base, now), _number(check.p_function, base, now)
        threshold = thresholds.get(check.name)
        if threshold is None:
            threshold = _number(check.level_function, base, now)
        found.append(CheckValue(check.name, value, threshold, check.unit, p))
    return tuple(found)


def _number(function: ColumnFunction | None, base: ColumnProfile, now: ColumnProfile) -> float:
    return np.nan if function is None else float(np.ravel(function(base, now))[0])
