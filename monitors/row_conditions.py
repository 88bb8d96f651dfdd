"""What readings of rows as a whole, of texts and of embeddings amount to: never more than a notice."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from monitors.judge_rows import WEIGHTY, row_checks
from monitors.types import Reading

GROUP = "rows"  # the cause-group of alerts about rows as a whole, texts and embeddings
_TOLD = 3  # findings that a message tells


def moved(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings of rows that found something, those of all columns together first, the strongest evidence first."""
    drifted = [reading for reading in readings if reading.verdict == "drift" and reading.segment is None]
    if not drifted:
        return []
    checks = row_checks()
    ours = [reading for reading in drifted if reading.check in checks]
    return sorted(ours, key=lambda reading: (reading.scope != "multivariate", reading.p_value, reading.check))


def not_told(readings: Sequence[Reading], drifted: Collection[str | None]) -> list[Reading]:
    """Return what moved without the findings that only name columns which drifted by themselves: those have an alert that says it."""
    return [
        reading for reading in moved(readings) if not (named := members([reading])) or not set(named) <= set(drifted)
    ]


def members(ours: Sequence[Reading]) -> tuple[str, ...]:
    """Return the columns they are about: a text or embedding itself, or the three that drive what was found in all together."""
    found: list[str] = []
    for reading in ours:
        found += (
            [reading.column] if reading.column else [name for name, share in reading.drivers[:3] if share >= WEIGHTY]
        )
    return tuple(dict.fromkeys(found))


def headline(ours: Sequence[Reading]) -> str:
    """Say in a few words what moved."""
    columns = list(dict.fromkeys(reading.column for reading in ours if reading.column))
    if ours[0].scope == "multivariate":
        drivers = [name for name, _ in ours[0].drivers[:2]]
        return f"Columns together drifted from the reference{': ' + ', '.join(drivers) if drivers else ''}"
    more = f" (and {len(columns) - 1} more)" if len(columns) > 1 else ""
    return f"{columns[0]} drifted from the reference{more}"


def message(ours: Sequence[Reading]) -> str:
    """Tell the foremost findings."""
    return " ".join(reading.sentence for reading in ours[:_TOLD])
