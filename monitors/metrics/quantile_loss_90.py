"""Quantile loss at 90 %."""

from __future__ import annotations

from monitors.checks._cells import Values
from monitors.metrics._pinball import pinball, pinball_error
from monitors.types import Check
from reference_data.profile import Profile


def quantile_loss_90(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean quantile loss at 0.9 per window, in the label's unit; exact."""
    return pinball(outcomes, 0.9)


def error(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001
    """Return the standard error of a mean."""
    return pinball_error(outcomes, 0.9)


CHECK = Check(
    name="quantile_loss_90",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label",
    direction="higher_is_worse",
    summary="Loss of a forecast of the 90 % quantile: too low costs nine times as much as too high.",
    citation="Koenker and Bassett (1978), Regression quantiles, Econometrica 46(1).",
    outcome_function=quantile_loss_90,
    error_function=error,
    shown=False,
    title="Quantile loss at 90 %",
)
