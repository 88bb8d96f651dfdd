"""Verdicts on shares of rows: missing values, categories that are new, values out of range; each by a test of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitors import explain
from monitors.checks._cells import Values
from monitors.drift import episodes
from monitors.drift_null import correlated
from monitors.evidence import ColumnNull, share_p_values
from monitors.judge_run import Run, States, verdicts
from monitors.reading_blocks import Block, Column
from monitors.registry import column_values
from monitors.types import Check
from reference_data.profile import ColumnProfile

Flags = NDArray[np.bool_]

#: By how much a share may change before it matters, and whether only a rise counts.
SHARE_LIMITS: dict[str, tuple[float, bool]] = {
    "missing_share": (0.05, False),
    "unseen_share": (0.01, True),
    "out_of_range_share": (0.05, True),
}
_BESIDE = 0.2  # standard deviations beyond the reference's extremes: a day's own shift goes so far
_MANY = 0.2  # share of values out of range that matters however near they are
_LONGEST = 7  # windows: up to which the longer of the two scales that shares are judged at goes
_STILL = 1 / 3  # of what the longer scale shows that the latest window must show as well: else it is over


def judge_share(
    run: Run, check: Check, null: ColumnNull, base: ColumnProfile, series: ColumnProfile, states: States
) -> Block:
    """Judge a share in one window and over the latest seven: missing values leave the distribution of the rest untouched.

    ``series`` holds all windows, also those before the ones that are judged.
    """
    of_rows = check.name == "missing_share"
    every = series.rows if of_rows else series.valid
    n, state = every[run.judged], states.by_row if of_rows else states.by_value
    n_reference = float(base.rows if of_rows else base.valid)
    known = n_reference / 2 if check.name == "unseen_share" else n_reference  # what was seen once is less certain
    usual = null.shares[check.name]
    limit, only_rise = SHARE_LIMITS[check.name]
    shares = column_values(check, base, series)
    held = every >= run.spec.monitor.min_rows
    concerned, counted = np.where(held, np.nan_to_num(shares) * every, 0.0), np.where(held, every, 0)
    scales = _scales(run, late=states.late)
    value, p, at = shares[run.judged], np.full(len(n), np.inf), np.ones(len(n), dtype=np.int64)
    broken = np.zeros(len(n), dtype=bool)
    judged = np.asarray([s is None for s in state], dtype=bool)
    level = run.share_level(base.entry.column.name)
    for scale in scales:
        rows = _latest(counted.astype(np.float64), scale)[run.judged] if scale > 1 else n.astype(np.float64)
        found = _latest(concerned, scale)[run.judged] / np.maximum(rows, 1) if scale > 1 else value
        tau2 = usual.tau2 * correlated(run.calibration.inputs.phi, scale)
        own = episodes(len(scales)) * share_p_values(
            usual, found, np.rint(rows).astype(np.int64), known, max(null.windows, 1), tau2
        )
        change = found - usual.mean
        material = (change if only_rise else np.abs(change)) > limit
        now = judged & (own < level) & material & (rows > 0) & (run.judged >= scale - 1)
        now &= (shares[run.judged] - usual.mean) * np.sign(change) >= _STILL * np.abs(change)
        if check.name == "out_of_range_share":
            now &= (found > _MANY) | _far_outside(base, series, scale)[run.judged]
        take = (now & ~broken) | ((scale == 1) & ~now)
        value, at = np.where(take, found, value), np.where(take, scale, at)
        p = np.where(take, np.minimum(own, 1.0), p)
        broken |= now
    change = value - usual.mean
    material = judged & ((change if only_rise else np.abs(change)) > limit)
    low, high = null.bands[check.name]
    name, values = base.entry.column.name, value.tolist()

    def sentence(i: int) -> str:
        if state[i] is not None:
            return states.sentence(i, int(n[i]))
        return explain.share(check.name, name, values[i], usual.mean, broken=bool(broken[i]), over=run.over(int(at[i])))

    fields: dict[str, Column] = {
        "value": values,
        "reference_value": usual.mean,
        "threshold": usual.mean + limit,
        "lower": low,
        "upper": high,
        "p_value": p,
        "effect": np.abs(change),
        "n_reference": int(n_reference),
        "verdict": verdicts(state, broken, "warning"),
        "significant": judged & (p < level),
        "material": material,
        "scale": at,
    }
    return run.readings(check, name, n, fields, sentence)


def _far_outside(base: ColumnProfile, series: ColumnProfile, scale: int) -> Flags:
    """Return whether values of the latest ``scale`` windows lie far from the reference's range, for the column's spread; (windows,).

    The extremes of a reference are those of its most extreme days: a day that goes a little further is one of about K + 1.
    """
    if (
        not base.cells.any()
        or base.minimum is None
        or base.maximum is None
        or series.minimum is None
        or series.maximum is None
    ):
        return np.ones(series.rows.shape, dtype=bool)
    near = _BESIDE * np.nan_to_num(base.std)
    inside = np.flatnonzero(base.cells > 0)
    below, above = series.cells[:, : inside[0]].sum(axis=1), series.cells[:, inside[-1] + 1 :].sum(axis=1)
    far = (series.minimum < base.minimum - near) & (below >= above)
    far |= (series.maximum > base.maximum + near) & (above >= below)
    return _latest(far.astype(np.float64), scale) > 0


def _scales(run: Run, *, late: bool) -> tuple[int, ...]:
    """Return one window, and the longest scale up to seven that the part's null has: so many windows are read before those judged."""
    null = run.calibration.outcomes if late and run.calibration.outcomes is not None else run.calibration.inputs
    return tuple(sorted({1, max(scale for scale in null.scales if scale <= _LONGEST)}))


def _latest(values: Values, scale: int) -> Values:
    """Return the sums over the latest ``scale`` windows."""
    sums = np.cumsum(values)
    sums[scale:] = sums[scale:] - sums[:-scale]
    return sums
