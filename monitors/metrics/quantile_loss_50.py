"""Quantile loss at 50 %."""

from __future__ import annotations

from monitors.checks._cells import Values
from monitors.metrics._pinball import pinball, pinball_error
from monitors.types import Check
from reference_data.profile import Profile


def quantile_loss_50(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean quantile loss at 0.5 per window, in the label's unit; exact."""
    return pinball(outcomes, 0.5)


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean."""
    return pinball_error(outcomes, 0.5)


CHECK = Check(
    name="quantile_loss_50",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label",
    direction="higher_is_worse",
    summary="Half of the mean absolute error: the loss of a forecast of the median.",
    citation="Koenker and Bassett (1978), Regression quantiles, Econometrica 46(1).",
    outcome_function=quantile_loss_50,
    error_function=error,
    shown=False,
    title="Quantile loss at 50 %",
)
