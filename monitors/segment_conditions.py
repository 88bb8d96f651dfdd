"""Which drift inside segments is worth a notice: what the rows as a whole do not show already."""

from __future__ import annotations

from collections.abc import Sequence

from monitors.registry import DECIDING
from monitors.types import Alert, Reading

GROUP = "segments"  # the cause-group of alerts about drift inside segments


def inside_segments(readings: Sequence[Reading], every: Sequence[Reading]) -> list[Reading]:
    """Return what is not as in the reference inside segments, worst first, without the columns in which the whole drifted as well.

    Worst is what is farthest beyond its threshold. ``every``: all readings of the window.
    """
    whole = {
        (reading.check, reading.column)
        for reading in every
        if reading.segment is None and reading.verdict in ("drift", "warning", "critical")
    }
    ours = [
        reading
        for reading in readings
        if reading.segment is not None
        and reading.scope != "performance"  # that is harm, and a question of its own
        and reading.verdict in ("drift", "warning")
        and (reading.check, reading.column) not in whole
    ]
    return sorted(ours, key=_beyond, reverse=True)


def told_by_the_whole(readings: Sequence[Reading], alerts: Sequence[Alert]) -> list[Reading]:
    """Return the readings without those inside segments of columns that all rows had an alert of, within the windows they are about.

    A long mean inside a segment of few rows still holds a shift of everything that is over: that story has been told.
    """
    told = [
        (name, alert)
        for alert in alerts
        if alert.segment is None and alert.limit is None and alert.kind in ("data_drift", "prediction_drift")
        for name in alert.members
    ]

    def known(reading: Reading) -> bool:
        first = reading.window.end - reading.scale * (reading.window.end - reading.window.start)
        return any(
            name == reading.column
            and alert.window.start < reading.window.end
            and (alert.judged_to or alert.window.end) > first
            for name, alert in told
        )

    return [reading for reading in readings if reading.segment is None or not known(reading)]


def _beyond(reading: Reading) -> tuple[bool, float]:
    away = abs(reading.value - reading.reference_value) if reading.check != DECIDING else reading.value
    usual = abs(reading.threshold - reading.reference_value) if reading.check != DECIDING else reading.threshold
    return reading.check == DECIDING, away / max(usual, 1e-12)


def headline(readings: Sequence[Reading]) -> str:
    """Say in one line where it is worst: ``distance drifted inside carrier=AA (and in 2 more segments)``."""
    worst = readings[0]
    names = list(dict.fromkeys(reading.segment for reading in readings))
    what = "drifted" if worst.check == DECIDING else "has a changed share of missing values"
    more = len(names) - 1
    beside = "" if more == 0 else f" (and {more} more {'segment' if more == 1 else 'segments'})"
    return f"{worst.column} {what} inside {worst.segment}{beside}"


def message(readings: Sequence[Reading], most: int = 3) -> str:
    """Say what was found in the worst segments."""
    rest = len(readings) - most
    beside = f" And {rest} more, see `driftdeck segments`." if rest > 0 else ""
    return " ".join(reading.sentence for reading in readings[:most]) + beside + " All rows together do not show it."
