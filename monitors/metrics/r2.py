"""Coefficient of determination."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.metrics._intervals import Interval, by_log
from monitors.metrics._moments import centre_of_cells, error_of_squares, mean_square_of, ordered_column
from monitors.types import Check
from reference_data.profile import Profile


def r2(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return 1 - mean squared error / variance of the label (of n); exact. NaN where all labels are equal."""
    return 1 - _unexplained(outcomes)


def _unexplained(outcomes: Profile) -> Values:
    label = ordered_column(outcomes, "label")
    return ratio(mean_square_of(outcomes, "error given inputs"), ratio(np.asarray(label.m2), label.valid))


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error by the delta method.

    (1 - R²) · sqrt(Var(A) / A² + Var(B) / B²) with A the mean squared error and B the variance of the label, whose fourth moment is read off
    cells. Their covariance is not kept and taken as 0, as it is where errors do not grow with the label.
    """
    label, left = ordered_column(outcomes, "label"), _unexplained(outcomes)
    variance = ratio(np.asarray(label.m2), label.valid)
    off = centre_of_cells(label) - np.nan_to_num(np.asarray(label.mean))[..., None]
    fourth = ratio((label.cells * off**4).sum(axis=-1), label.valid)
    of_label = np.maximum(ratio(fourth - variance**2, label.valid), 0.0)
    errors = ratio(error_of_squares(outcomes), mean_square_of(outcomes, "error given inputs"))
    return np.asarray(left * np.sqrt(errors**2 + ratio(of_label, variance**2)))


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return the interval on the scale of the logarithm of 1 - R²."""
    low, high = by_log(_unexplained(outcomes), error(outcomes, positive))
    return 1 - high, 1 - low


CHECK = Check(
    name="r2",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="statistic",
    direction="lower_is_worse",
    summary="Share of the labels' variance that predictions account for: 1 all, 0 no better than their mean.",
    citation="Kvålseth (1985), Cautionary note about R², The American Statistician 39(4).",
    outcome_function=r2,
    error_function=error,
    interval_function=interval,
    title="R²",
)
