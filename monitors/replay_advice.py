"""What would make a monitor better, in words, from what its replay shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from monitors.calibration import Calibration
from monitors.drift_null import PRIOR_SHIFT
from monitors.sensitivity import ColumnSensitivity
from reference_data.declaration import ModelSpec
from reference_data.profile import Profile
from reference_data.reference import Reference
from reference_data.windows import WindowSpec

if TYPE_CHECKING:
    from monitors.replay import ReplayedAlert

ENOUGH_WINDOWS = 14  # to measure natural variation well, and to see a weekday rhythm
COARSE = 0.4  # standard deviations: a monitor that sees only larger shifts in one window is told so
CLEARLY = 0.7  # of that, where longer windows are worth naming


def advice(
    spec: ModelSpec,
    reference: Reference,
    window_spec: WindowSpec,
    calibration: Calibration,
    inputs: Profile,
    found: Sequence[ColumnSensitivity],
    alerts: Sequence[ReplayedAlert],
) -> list[str]:
    """Return sentences, the gravest first; none when there is nothing to be done."""
    said = [
        _too_small(spec, inputs),
        _few_windows(reference, window_spec, len(inputs.rows)),
        _restless(alerts, len(inputs.rows)),
        _rhythm(spec, calibration),
        _coarse(found, float(np.median(inputs.rows)) if len(inputs.rows) else 0.0),
    ]
    return [sentence for sentence in said if sentence]


def _too_small(spec: ModelSpec, inputs: Profile) -> str:
    few = int((inputs.rows < spec.monitor.min_rows).sum())
    if not few:
        return ""
    whole = "All" if few == len(inputs.rows) else f"{few:,} of {len(inputs.rows):,}"
    return (
        f"{whole} windows of the reference hold fewer than {spec.monitor.min_rows} rows and could not be judged: "
        f"use a longer window than {spec.monitor.window}, or a lower min_rows."
    )


def _few_windows(reference: Reference, window_spec: WindowSpec, windows: int) -> str:
    if windows >= ENOUGH_WINDOWS:
        return ""
    if len(reference.buckets) == 1:
        return (
            "The reference has no event times, or all on one day, so natural variation is assumed "
            f"({PRIOR_SHIFT:g} standard deviations between windows) and not measured: "
            f"{ENOUGH_WINDOWS} windows or more with event times would measure it."
        )
    return f"The reference holds {window_spec.many(windows)}: {ENOUGH_WINDOWS} or more would measure natural variation better."


def _restless(alerts: Sequence[ReplayedAlert], windows: int) -> str:
    if not alerts:
        return ""
    columns = list(dict.fromkeys(alert.column for alert in alerts if alert.column))
    where = f" ({', '.join(columns[:3])}{' …' if len(columns) > 3 else ''})" if columns else ""
    times = "once" if len(alerts) == 1 else f"{len(alerts)} times"
    return (
        f"The reference alerts on itself {times} in {windows:,} windows{where}: it holds a change of its own. "
        "Look at these windows; a reference without them, or a longer one, would be steadier."
    )


def _rhythm(spec: ModelSpec, calibration: Calibration) -> str:
    cycles = calibration.inputs.season.cycles
    if spec.reference.kind != "fixed" or not cycles:
        return ""
    season = "hour_of_week" if len(cycles) > 1 else cycles[0]
    words = {"weekday": "a weekday rhythm", "hour": "a daily rhythm", "hour_of_week": "a daily and a weekly rhythm"}[
        season
    ]
    return (
        f"The reference has {words}: its means are taken out already. To hold every window against its like "
        f'alone, declare reference = {{ kind = "seasonal", season = "{season}" }}.'
    )


def _coarse(found: Sequence[ColumnSensitivity], rows: float) -> str:
    numeric = [own for own in found if own.unit == "standard deviations"]
    if not numeric:
        return ""
    steps = numeric[0].windows
    middle = np.median([own.shifts for own in numeric], axis=0)
    if middle[0] <= COARSE:
        return ""
    sentence = f"Windows of {rows:,.0f} rows show only shifts of {middle[0]:.2g} standard deviations at once"
    later = [i for i, steps_ in enumerate(steps) if steps_ <= 7]
    last = later[-1]
    if last == 0 or middle[last] > CLEARLY * middle[0]:
        return f"{sentence}; more rows a window would show smaller ones."
    return f"{sentence}; one that lasts is found from {middle[last]:.2g} on after {steps[last]} windows."
