"""Is a reference large enough for the windows it judges? What it is too small for, in sentences."""

from __future__ import annotations

import numpy as np
from scipy import special

from monitors.baseline import season_name, seasonal_parts
from monitors.calibration import Calibration, windows_per_year
from monitors.drift import smallest_shift
from monitors.drift_null import ENOUGH
from monitors.evidence import levels
from monitors.judge_performance import single_window_level
from monitors.registry import headline_check
from reference_data.declaration import ModelSpec
from reference_data.reference import Reference
from reference_data.windows import WindowSpec

LEARN = 8  # windows from which natural variation is learned well: fewer make thresholds wide
ROWS = 3  # the reference should hold this many windows' rows
BLIND = 0.5  # standard deviations: a shift this large should not go unseen
LOSS = 0.5  # relative loss of performance that should not go unseen
_WHOLE_WEEKS = 56  # days from which one weekday more or less no longer counts


def shortcomings(
    spec: ModelSpec,
    reference: Reference,
    calibration: Calibration,
    window_spec: WindowSpec,
    live_rows: float | None = None,
) -> list[str]:
    """Return what a reference is too small for, the gravest first; nothing when it will do.

    ``live_rows``: rows in a usual window of the log; without it, in a usual window of the reference.
    """
    usual = live_rows or calibration.median_rows
    found = [_times(reference), _windows(reference, calibration, window_spec), _rows(reference, usual)]
    found += [
        _labels(spec, reference, window_spec),
        _weeks(reference, window_spec),
        _season(spec, reference, window_spec),
    ]
    found.append(_blind(spec, reference, calibration, usual))
    found.append(_unseen_loss(spec, reference, calibration))
    return [words for words in found if words]


def _timed(reference: Reference) -> bool:
    return reference.period.start < reference.period.end


def _times(reference: Reference) -> str:
    if _timed(reference):
        return ""
    return "Its rows have no event times, so how much windows vary by themselves is assumed, not measured."


def _windows(reference: Reference, calibration: Calibration, window_spec: WindowSpec) -> str:
    k = calibration.windows
    if not _timed(reference) or k >= LEARN:
        return ""
    held = f"It holds {window_spec.many(k)}"
    if k < ENOUGH:
        return (
            f"{held}: natural variation is assumed, not measured; {LEARN} windows or more are needed to learn it well."
        )
    return f"{held}: natural variation is learned from few, so thresholds are wide; {LEARN} or more are better."


def _rows(reference: Reference, usual: float) -> str:
    if reference.rows >= ROWS * usual:
        return ""
    return (
        f"It holds {reference.rows:,} rows, less than {ROWS} windows of the {usual:,.0f} rows they usually have: "
        "what it says of normal is as uncertain as a window."
    )


def _labels(spec: ModelSpec, reference: Reference, window_spec: WindowSpec) -> str:
    if spec.task == "none":
        return ""
    if reference.outcomes is None:
        return "None of its rows has both a prediction and a label: performance and concept drift cannot be judged against it."
    _, inputs, outcomes = reference.windows(window_spec)
    assert outcomes is not None
    labelled = int(reference.outcomes.rows.sum())
    enough = int((outcomes.rows >= spec.monitor.min_rows).sum())
    few = enough < min(LEARN, len(inputs.rows)) or labelled < reference.rows / 2
    if not few:
        return ""
    return (
        f"{labelled:,} of its {reference.rows:,} rows are labelled, and {enough} of its {len(inputs.rows)} windows have the "
        f"{spec.monitor.min_rows} labels that judging needs: limits of performance are uncertain."
    )


def _weeks(reference: Reference, window_spec: WindowSpec) -> str:
    if window_spec.unit == "w" or not _timed(reference):
        return ""
    days = len(list(WindowSpec(1, "d", window_spec.timezone).between(reference.period.start, reference.period.end)))
    if days >= _WHOLE_WEEKS or days % 7 == 0:
        return ""
    return f"It covers {days} days, not whole weeks: some weekdays count for more than others."


def _season(spec: ModelSpec, reference: Reference, window_spec: WindowSpec) -> str:
    plan = spec.reference
    if plan.kind != "seasonal":
        return ""
    held = {
        slot: _held(part, window_spec) for slot, part in seasonal_parts(reference, plan.season, window_spec).items()
    }
    wanted = _slots(plan.season, window_spec, set(held))
    few = [slot for slot in sorted(wanted) if held.get(slot, 0) < ENOUGH]
    if not few:
        return ""
    named = ", ".join(season_name(slot, plan.season) for slot in few[:3])
    more = f" and {len(few) - 3} more" if len(few) > 3 else ""
    return (
        f"{len(few)} of the {len(wanted)} slots of its season have fewer than {ENOUGH} windows ({named}{more}): their windows "
        "are held against all of the reference."
    )


def _held(part: Reference, window_spec: WindowSpec) -> int:
    return int((part.windows(window_spec)[1].rows > 0).sum())


def _slots(season: str, window_spec: WindowSpec, present: set[int]) -> set[int]:
    """Return the slots that windows of this length can fall into; those of weeks are the ones that are ``present``."""
    if window_spec.unit == "w" or (window_spec.unit == "d" and window_spec.length % 7 == 0):
        return present
    hours = range(0, 24, min(window_spec.length, 24)) if window_spec.unit == "h" else range(1)
    if season == "hour":
        return set(hours)
    return set(range(7)) if season == "weekday" else {24 * day + hour for day in range(7) for hour in hours}


def _blind(spec: ModelSpec, reference: Reference, calibration: Calibration, usual: float) -> str:
    shift = smallest_visible(spec, reference, calibration, usual)
    if not shift > BLIND:
        return ""
    about = f"{float(f'{shift:.2g}'):,.0f}" if shift >= 10 else f"{shift:.2g}"
    return (
        f"With {reference.rows:,} rows here and {usual:,.0f} in a window, a number must shift by about {about} of its standard "
        "deviations before one window can show it; smaller shifts go unseen."
    )


def smallest_visible(spec: ModelSpec, reference: Reference, calibration: Calibration, usual: float) -> float:
    """Return the shift that a window of ``usual`` rows shows by itself, in standard deviations: the median over the ordered inputs.

    NaN without one. See :func:`monitors.drift.smallest_shift`.
    """
    names = reference.inputs.layout.names
    context = spec.context.keys() & set(names)
    budget = spec.monitor.alert_budget
    level = levels(
        windows_per_year(calibration.window_spec),
        len(names) - len(context),
        len(context),
        budget.pages_per_year,
        budget.warnings_per_year,
    )
    levels_of = np.asarray([level.column(context=name in context) for name in names])
    shifts = smallest_shift(calibration.inputs, usual, levels_of)
    ordered = np.asarray([entry.ordered for entry in reference.inputs.layout.columns], dtype=bool)
    known = shifts[ordered & np.isfinite(shifts)]
    return float(np.median(known)) if len(known) else float("nan")


def _unseen_loss(spec: ModelSpec, reference: Reference, calibration: Calibration) -> str:
    check = None if reference.outcomes is None else headline_check(spec, reference.outcomes.layout)
    null = None if check is None else calibration.metrics.get(check.name)
    if check is None or null is None or null.scale <= 0:
        return ""
    budget = spec.monitor.alert_budget
    split = levels(windows_per_year(calibration.window_spec), 1, 0, budget.pages_per_year, 1.0)
    level = single_window_level(split, calibration)
    loss = float(-special.stdtrit(null.freedom, level)) * null.sd * np.sqrt(1 + 1 / null.windows) / null.scale
    if not loss > LOSS:
        return ""
    return f"{check.label} varies so much between its windows that it must get {loss:.0%} worse before one window can show it."
