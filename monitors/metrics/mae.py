"""Mean absolute error."""

from __future__ import annotations

from monitors.metrics._moments import mean_of
from monitors.types import Check, Values
from reference_data.profile import Profile


def mae(outcomes: Profile, positive: str | None) -> Values:  # noqa: ARG001  metrics share one signature
    """Return the mean of |prediction - label| per window, in the label's unit; exact."""
    return mean_of(outcomes, "absolute error")


CHECK = Check(
    name="mae",
    scope="performance",
    kinds=frozenset({"regression"}),
    unit="label",
    direction="higher_is_worse",
    summary="Mean absolute error: by how much predictions miss, on average.",
    citation="Willmott and Matsuura (2005), Advantages of the mean absolute error, Climate Research 30.",
    outcome_function=mae,
    title="Mean absolute error",
    headline=True,
)
