"""Verdicts on columns: drift of the distribution, and shares of missing, new and out-of-range values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitors import explain
from monitors.checks._cells import Values
from monitors.evidence import ColumnNull, column_p_values, divergence_beyond, divergence_threshold, share_p_values
from monitors.judge_run import Flags, Run, States
from monitors.registry import DECIDING, column_checks, column_values
from monitors.types import Check, Reading
from reference_data.profile import ColumnProfile, Profile

#: By how much a share may change before it matters, and whether only a rise counts.
SHARE_LIMITS: dict[str, tuple[float, bool]] = {
    "missing_share": (0.05, False),
    "unseen_share": (0.01, True),
    "out_of_range_share": (0.05, True),
}


def judge_column(
    run: Run, name: str, reference: Profile, current: Profile, harmful: Flags, *, late: bool = False
) -> list[Reading]:
    """Judge one column in all windows; whatever goes wrong becomes its reading. ``late``: it waits for labels."""
    try:
        base, now = reference.column(name), current.column(name)
        null = run.calibration.columns[name]
        states = States(run, base, now, late=late)
        p = column_p_values(null, base, now)
        checks = column_checks(base.entry, {DECIDING, *run.spec.monitor.checks})
        readings, drifted = _deciding(run, checks[DECIDING], null, base, now, states, p, harmful)
        for check in checks.values():
            if check.name in SHARE_LIMITS:
                readings += _share(run, check, null, base, now, states)
            elif check.name != DECIDING:
                readings += _beside(run, check, null, base, now, states, p, drifted)
        return readings
    except Exception as error:
        words = f"{name} could not be judged: {error}"
        blank = replace(
            run.blank, check=DECIDING, column=name, verdict="error", error=words, sentence=words, unit="distance"
        )
        return [replace(blank, window=window) for window in run.windows]


def _deciding(
    run: Run,
    check: Check,
    null: ColumnNull,
    base: ColumnProfile,
    now: ColumnProfile,
    states: States,
    p: Values,
    harmful: Flags,
) -> tuple[list[Reading], Flags]:
    """Return the reading that carries the column's verdict, and where it drifted."""
    tolerance = run.spec.monitor.tolerance
    value = column_values(check, base, now)
    effect = divergence_beyond(null, base, now, value)
    threshold = divergence_threshold(null, base, now, tolerance)
    judged = np.asarray([state is None for state in states.by_value], dtype=bool)
    significant = judged & (p < states.level)
    material = judged & (value > threshold) & (effect > tolerance)
    drifted = significant & material
    movement = explain.Movement(base, now)
    name = base.entry.column.name
    leaning = run.importance.get(name)

    def sentence(i: int) -> str:
        if states.by_value[i] is not None:
            return states.sentence(i, int(states.n[i]))
        if drifted[i]:
            return explain.drifted(movement, i, values[i], thresholds[i], leaning)
        return explain.steady(
            name, values[i], thresholds[i], significant=bool(significant[i]), material=bool(material[i])
        )

    values, thresholds = value.tolist(), threshold.tolist()
    low, high = null.bands[check.name]
    k = len(run.windows)
    expected = np.sqrt(np.maximum(value**2 - effect**2, 0.0))
    fields: dict[str, list[object]] = {
        "value": values,
        "reference_value": np.where(effect > 0, expected, value).tolist(),
        "threshold": thresholds,
        "lower": [low] * k,
        "upper": [high] * k,
        "p_value": p.tolist(),
        "effect": effect.tolist(),
        "n_reference": [int(base.valid)] * k,
        "verdict": [states.by_value[i] or ("drift" if drifted[i] else "ok") for i in range(k)],
        "significant": significant.tolist(),
        "material": material.tolist(),
        "harmful": (drifted & harmful).tolist(),
        "sentence": [sentence(i) for i in range(k)],
    }
    return run.readings(check, name, states.n, fields), drifted


def _beside(
    run: Run,
    check: Check,
    null: ColumnNull,
    base: ColumnProfile,
    now: ColumnProfile,
    states: States,
    p: Values,
    drifted: Flags,
) -> list[Reading]:
    """Return a check that shows the same window in another unit: it flags only where the column drifted as well."""
    value = column_values(check, base, now)
    low, high = null.bands[check.name]
    beyond = drifted & ~(value <= high)
    name, k = base.entry.column.name, len(run.windows)
    values = value.tolist()
    significant = np.asarray([s is None for s in states.by_value], dtype=bool) & (p < states.level)
    fields: dict[str, list[object]] = {
        "value": values,
        "reference_value": [np.nan] * k,
        "threshold": [high] * k,
        "lower": [low] * k,
        "upper": [high] * k,
        "p_value": p.tolist(),
        "effect": values,
        "n_reference": [int(base.valid)] * k,
        "verdict": [states.by_value[i] or ("drift" if beyond[i] else "ok") for i in range(k)],
        "significant": significant.tolist(),
        "material": beyond.tolist(),
        "harmful": [False] * k,
        "sentence": [
            explain.measured(check, name, values[i], low, high)
            if state is None
            else states.sentence(i, int(states.n[i]))
            for i, state in enumerate(states.by_value)
        ],
    }
    return run.readings(check, name, states.n, fields)


def _share(
    run: Run, check: Check, null: ColumnNull, base: ColumnProfile, now: ColumnProfile, states: States
) -> list[Reading]:
    """Judge a share of rows by a test of its own: missing values leave the distribution of the rest untouched."""
    of_rows = check.name == "missing_share"
    n, state = (states.rows, states.by_row) if of_rows else (states.n, states.by_value)
    n_reference = int(base.rows if of_rows else base.valid)
    usual = null.shares[check.name]
    value = column_values(check, base, now)
    p = share_p_values(usual, value, n, float(n_reference), max(null.windows, 1))
    limit, only_rise = SHARE_LIMITS[check.name]
    change = value - usual.mean
    judged = np.asarray([s is None for s in state], dtype=bool)
    significant = judged & (p < run.share_level(base.entry.column.name))
    material = judged & ((change if only_rise else np.abs(change)) > limit)
    broken = significant & material
    low, high = null.bands[check.name]
    name, k, values = base.entry.column.name, len(run.windows), value.tolist()
    fields: dict[str, list[object]] = {
        "value": values,
        "reference_value": [usual.mean] * k,
        "threshold": [usual.mean + limit] * k,
        "lower": [low] * k,
        "upper": [high] * k,
        "p_value": p.tolist(),
        "effect": np.abs(change).tolist(),
        "n_reference": [n_reference] * k,
        "verdict": [state[i] or ("warning" if broken[i] else "ok") for i in range(k)],
        "significant": significant.tolist(),
        "material": material.tolist(),
        "harmful": [False] * k,
        "sentence": [
            explain.share(check.name, name, values[i], usual.mean, broken=bool(broken[i]))
            if state[i] is None
            else states.sentence(i, int(n[i]))
            for i in range(k)
        ],
    }
    return run.readings(check, name, n, fields)
