"""Expected calibration error."""

from __future__ import annotations

from monitors.metrics._intervals import Interval
from monitors.metrics._scores import answers_split, calibration_error, calibration_interval, calibration_spread
from monitors.types import Check, Values
from reference_data.profile import Profile


def ece(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  the columns already part the classes
    """Return the mean gap between score and outcome over ten even bins of the score; NaN for scores that are no probabilities.

    Two classes: the score of the positive one and how often it is the label. Several: the highest score and how often the answer is right.
    """
    return calibration_error(answers_split(outcomes))


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error from the spread of each bin's gap."""
    return calibration_spread(answers_split(outcomes))


def interval(outcomes: Profile, positive: str | None) -> Interval:  # noqa: ARG001
    """Return the interval; chance alone raises the value, which its lower end allows for."""
    return calibration_interval(answers_split(outcomes))


CHECK = Check(
    name="ece",
    scope="performance",
    kinds=frozenset({"binary", "multiclass"}),
    unit="share",
    direction="higher_is_worse",
    summary="By how much probabilities miss the shares that come true, on average: 0 for a calibrated model. Few rows raise it by chance.",
    citation="Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI; Guo et al. (2017), ICML.",
    approximate="off by at most 0.01, half the width of a cell",
    outcome_function=ece,
    error_function=error,
    interval_function=interval,
    title="Calibration error",
)
