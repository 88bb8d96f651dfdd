"""Median absolute error."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values
from monitors.metrics._intervals import Interval, Z
from monitors.metrics._moments import ordered_column
from monitors.types import Check
from reference_data.profile import Profile
from reference_data.quantiles import quantiles


def median_absolute_error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the median of |prediction - label| per window, in the label's unit, within its cell on a straight line."""
    return np.asarray(quantiles(ordered_column(outcomes, "absolute error"), [0.5])[..., 0])


def error(outcomes: Profile, positive: str | None) -> Values:
    """Return a quarter of the interval's width: half of 95 % is about two standard errors."""
    low, high = interval(outcomes, positive)
    return np.asarray((high - low) / (2 * Z))


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the errors of rank n/2 ± 1.96 sqrt(n)/2, between which the median lies whatever the distribution."""
    column = ordered_column(outcomes, "absolute error")
    reach = Z / (2 * np.sqrt(np.maximum(column.valid, 1)))
    shares = np.clip(np.stack([0.5 - reach, 0.5 + reach], axis=-1), 0.0, 1.0)
    found = quantiles(column, shares)
    return np.asarray(found[..., 0]), np.asarray(found[..., 1])


CHECK = Check(
    name="median_absolute_error",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label",
    direction="higher_is_worse",
    summary="Median absolute error: half of the predictions miss by less. A few large misses do not move it.",
    citation="Conover (1999), Practical Nonparametric Statistics, 3rd ed., 3.2.",
    approximate="off by at most the width of the cell that the median lies in",
    outcome_function=median_absolute_error,
    error_function=error,
    interval_function=interval,
    shown=False,
    title="Median absolute error",
)
