"""Share of the positive class."""

from __future__ import annotations

from monitors.checks._cells import ratio
from monitors.metrics._confusion import Confusion
from monitors.metrics._intervals import Interval, share_error, wilson
from monitors.types import Check, Values
from reference_data.profile import Profile


def positive_share(outcomes: Profile, positive: str | None) -> Values:
    """Return the share of rows whose label is the positive class; exact on listed pairs."""
    return ratio(*_parts(outcomes, positive))


def _parts(outcomes: Profile, positive: str | None) -> tuple[Values, Values]:
    table = Confusion(outcomes)
    return table.of(positive)[1], table.rows


def error(outcomes: Profile, positive: str | None) -> Values:
    """Return the standard error of a share."""
    return share_error(*_parts(outcomes, positive))


def interval(outcomes: Profile, positive: str | None) -> Interval:
    """Return Wilson's interval."""
    return wilson(*_parts(outcomes, positive))


CHECK = Check(
    name="positive_share",
    scope="performance",
    kinds=frozenset({"binary"}),
    unit="share",
    direction="both",
    summary="Share of rows whose label is the positive class: how balanced the classes are.",
    citation="Wilson (1927), Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22.",
    outcome_function=positive_share,
    error_function=error,
    interval_function=interval,
    shown=False,
    title="Share of the positive class",
)
