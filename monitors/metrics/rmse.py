"""Root mean squared error."""

from __future__ import annotations

import numpy as np

from monitors.metrics._moments import mean_square_of
from monitors.types import Check, Values
from reference_data.profile import Profile


def rmse(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return sqrt(bias² + variance) of prediction - label per window, in the label's unit; exact."""
    return np.asarray(np.sqrt(mean_square_of(outcomes, "error given inputs")))


CHECK = Check(
    name="rmse",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label",
    direction="higher_is_worse",
    summary="Root of the mean squared error: as the mean absolute error, with large misses weighing more.",
    citation="Chai and Draxler (2014), Root mean square error (RMSE) or mean absolute error (MAE)?, Geosci. Model Dev. 7.",
    outcome_function=rmse,
    title="Root mean squared error",
)
