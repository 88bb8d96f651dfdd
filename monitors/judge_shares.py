"""Verdicts on shares of rows: missing values, categories that are new, values out of range; each by a test of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitors import explain
from monitors.checks._cells import Values
from monitors.drift import episodes
from monitors.drift_null import correlated
from monitors.evidence import ColumnNull, ShareNulls, share_p_values
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


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A column that is judged. ``series`` holds all windows, ``now`` those that are judged."""

    null: ColumnNull
    base: ColumnProfile
    series: ColumnProfile
    states: States
    now: ColumnProfile


def judge_share(run: Run, check: Check, columns: Sequence[Asked]) -> list[Block]:
    """Judge a share of each of some columns in one window and over the latest seven: missing values leave the rest untouched.

    All arrays are (columns, windows): the columns of a model have as many windows, and most of the cost is in the calls. The columns are
    all of the inputs, or all of the outcomes.
    """
    of_rows, of_range = check.name == "missing_share", check.name == "out_of_range_share"
    usual, references, windows, levels = _what_is_usual(run, check, columns)
    known = references / 2 if check.name == "unseen_share" else references  # what was seen once is less certain
    limit, only_rise = SHARE_LIMITS[check.name]
    every = np.stack([asked.series.rows if of_rows else asked.series.valid for asked in columns])
    shares = np.stack([column_values(check, asked.base, asked.series) for asked in columns])
    held = every >= run.spec.monitor.min_rows
    concerned, counted = np.where(held, np.nan_to_num(shares) * every, 0.0), np.where(held, every, 0)
    scales = _scales(run, late=columns[0].states.late)
    n, latest = every[:, run.judged], shares[:, run.judged]
    value, p, at = latest, np.full(n.shape, np.inf), np.ones(n.shape, dtype=np.int64)
    broken = np.zeros(n.shape, dtype=bool)
    judged = np.stack([asked.states.rows_judged if of_rows else asked.states.values_judged for asked in columns])
    for scale in scales:
        rows = _latest(counted.astype(np.float64), scale)[:, run.judged] if scale > 1 else n.astype(np.float64)
        found = _latest(concerned, scale)[:, run.judged] / np.maximum(rows, 1) if scale > 1 else value
        tau2 = usual.tau2 * correlated(run.calibration.inputs.phi, scale)
        own = episodes(len(scales)) * share_p_values(usual, found, np.rint(rows).astype(np.int64), known, windows, tau2)
        change = found - usual.mean
        material = (change if only_rise else np.abs(change)) > limit
        now = judged & (own < levels) & material & (rows > 0) & (run.judged >= scale - 1)
        now &= (latest - usual.mean) * np.sign(change) >= _STILL * np.abs(change)
        if of_range and now.any():
            far = [_far_outside(asked.base, asked.series, scale)[run.judged] for asked in columns]
            now &= (found > _MANY) | np.stack(far)
        take = (now & ~broken) | ((scale == 1) & ~now)
        value, at = np.where(take, found, value), np.where(take, scale, at)
        p = np.where(take, np.minimum(own, 1.0), p)
        broken |= now
    change = value - usual.mean
    material = judged & ((change if only_rise else np.abs(change)) > limit)
    found_of = _Found(value, p, at, broken, np.abs(change), judged & (p < levels), material, n)
    return [_block(run, check, asked, found_of, place) for place, asked in enumerate(columns)]


def _what_is_usual(run: Run, check: Check, columns: Sequence[Asked]) -> tuple[ShareNulls, Values, Values, Values]:
    """Return what is known of the columns' shares, each (columns, 1): their nulls, rows of the reference, its windows, and levels."""
    nulls = [asked.null.shares[check.name] for asked in columns]
    of_rows = check.name == "missing_share"

    def each(values: Sequence[float]) -> Values:
        return np.asarray(values, dtype=np.float64)[:, None]

    return (
        ShareNulls(each([u.mean for u in nulls]), each([u.tau2 for u in nulls]), each([u.freedom for u in nulls])),
        each([float(asked.base.rows if of_rows else asked.base.valid) for asked in columns]),
        each([max(asked.null.windows, 1) for asked in columns]),
        each([run.share_level(asked.base.entry.column.name) for asked in columns]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What was found of a share: arrays (columns, windows)."""

    value: Values
    p: Values
    scale: NDArray[np.int64]
    broken: Flags
    effect: Values
    significant: Flags
    material: Flags
    n: NDArray[np.int64]


def _block(run: Run, check: Check, asked: Asked, found: _Found, place: int) -> Block:
    """Return the readings of one column."""
    of_rows, states, base = check.name == "missing_share", asked.states, asked.base
    usual, limit = asked.null.shares[check.name], SHARE_LIMITS[check.name][0]
    state = states.by_row if of_rows else states.by_value
    value, at, broken, n = (part[place] for part in (found.value, found.scale, found.broken, found.n))
    low, high = asked.null.bands[check.name]
    name = base.entry.column.name

    def sentence(i: int) -> str:
        if state[i] is not None:
            return states.sentence(i, int(n[i]))
        over = run.over(int(at[i]))
        return explain.share(check.name, name, float(value[i]), usual.mean, broken=bool(broken[i]), over=over)

    fields: dict[str, Column] = {
        "value": value,
        "reference_value": usual.mean,
        "threshold": usual.mean + limit,
        "lower": low,
        "upper": high,
        "p_value": found.p[place],
        "effect": found.effect[place],
        "n_reference": int(base.rows if of_rows else base.valid),
        "verdict": verdicts(state, broken, "warning"),
        "significant": found.significant[place],
        "material": found.material[place],
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
    """Return the sums over the latest ``scale`` windows, the last axis."""
    sums = np.cumsum(values, axis=-1)
    sums[..., scale:] = sums[..., scale:] - sums[..., :-scale]
    return sums
