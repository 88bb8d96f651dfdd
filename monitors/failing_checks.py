"""Checks that could not be computed: a monitor that is blind somewhere says so."""

from __future__ import annotations

from collections.abc import Sequence

from monitors.quality_conditions import Found
from monitors.types import Reading

FAILING = "checks that fail"  # a story of its own, as a rule is: it hides no drift, and no drift hides it
_TOLD = 5  # names that are told; why is not: an error may quote values, and messages go far


def failing(readings: Sequence[Reading]) -> Found | None:
    """Return what a window's readings of verdict ``error`` amount to; None without any."""
    ours = {(reading.check, reading.column): reading for reading in readings if reading.verdict == "error"}
    if not ours:
        return None
    names = tuple(check if column is None else f"{check} of {column}" for check, column in sorted(ours, key=str))
    rest = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return Found(
        kind="data_quality",
        severity="warning",
        members=names,
        headline=f"{names[0]} cannot be computed{rest}",
        message=f"{', '.join(names[:_TOLD])}{' and more' if len(names) > _TOLD else ''}: the readings of verdict error say why. "
        "Until they can be computed, nothing is known of what they watch.",
        of_table=True,
    )
