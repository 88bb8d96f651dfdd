"""Root mean squared error."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import Values, ratio
from monitors.metrics._intervals import Interval, by_log
from monitors.metrics._moments import error_of_squares, mean_square_of
from monitors.types import Check
from reference_data.profile import Profile


def rmse(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return sqrt(bias² + variance) of prediction - label per window, in the label's unit; exact."""
    return np.asarray(np.sqrt(mean_square_of(outcomes, "error given inputs")))


def error(outcomes: Profile, positive: str | None) -> Values:
    """Return that of the mean squared error over twice the root (delta method)."""
    return ratio(error_of_squares(outcomes), 2 * rmse(outcomes, positive))


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return the interval on the scale of logarithms: squared errors lean to the right."""
    return by_log(rmse(outcomes, positive), error(outcomes, positive))


CHECK = Check(
    name="rmse",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label",
    direction="higher_is_worse",
    summary="Root of the mean squared error: as the mean absolute error, with large misses weighing more.",
    citation="Chai and Draxler (2014), Root mean square error (RMSE) or mean absolute error (MAE)?, Geosci. Model Dev. 7.",
    outcome_function=rmse,
    error_function=error,
    interval_function=interval,
    title="Root mean squared error",
)
