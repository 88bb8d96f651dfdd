"""Specificity."""

from __future__ import annotations

import numpy as np

from monitors.checks._cells import ratio
from monitors.metrics._confusion import class_parts
from monitors.metrics._intervals import Interval, share_error, wilson
from monitors.types import Check, Values
from reference_data.profile import Profile


def specificity(outcomes: Profile, positive: str | None) -> Values:
    """Return the share of rows of the negative class that are not taken for positive; NaN where there are none of it. Exact."""
    return np.asarray(ratio(*class_parts(outcomes, "specificity", positive)))


def error(outcomes: Profile, positive: str | None) -> Values:
    """Return the standard error of a share."""
    return share_error(*class_parts(outcomes, "specificity", positive))


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return Wilson's interval."""
    return wilson(*class_parts(outcomes, "specificity", positive))


CHECK = Check(
    name="specificity",
    scope="performance",
    kinds=frozenset({"binary"}),
    unit="share",
    direction="lower_is_worse",
    summary="Share of rows of the negative class that are not taken for positive.",
    citation="Yerushalmy (1947), Statistical problems in assessing methods of medical diagnosis, Public Health Rep. 62(40).",
    outcome_function=specificity,
    error_function=error,
    interval_function=interval,
    shown=False,
)
