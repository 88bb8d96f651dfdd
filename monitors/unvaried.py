"""Columns that (nearly) never varied in the reference: nothing can be standardised, so the rows that hold another value are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values, ratio
from monitors.drift import Drift
from monitors.evidence import ShareNull, share_p_values
from reference_data.profile import ColumnProfile, Profile

_MATTERS = 0.01  # by which the share of rows with another value must change
_PRIOR_FREEDOM = 30.0  # of the variation between windows, where too few tell of it
_ENOUGH = 5  # windows


def never_varied(base: ColumnProfile) -> bool:
    """Return whether all values of the reference are in one cell."""
    return int((base.cells > 0).sum()) == 1


def with_unvaried(drift: Drift, reference: Profile, series: Profile, least: int, tolerance: float) -> Drift:
    """Return the drift with verdicts on ordered columns whose cells are all one group, which :mod:`monitors.drift` cannot tell apart.

    The share of rows outside the most frequent cell is held against the reference's, by the binomial tail where such rows are few
    (:func:`monitors.evidence.share_p_values`); it matters from a change of one row in a hundred. ``reference`` is (its windows,),
    ``series`` (windows,). ``shift`` is in standard deviations of that share, at least those of one row in a hundred.
    """
    scores = drift.null.scores
    single = [
        place
        for place, name in enumerate(drift.names)
        if scores.layout.entry(name).ordered and not scores.groups[place].any()
    ]
    changed = [(place, reference.total().column(drift.names[place])) for place in single]
    changed = [(place, base) for place, base in changed if base.cells.any()]
    if not changed:
        return drift
    fields = {
        name: getattr(drift, name).copy()
        for name in ("p", "shift", "scale", "series", "limit", "ratio", "significant", "material")
    }
    for place, base in changed:
        name = drift.names[place]
        now, usual = series.column(name), int(base.cells.argmax())
        null, before = _null(reference.column(name), usual), np.maximum(int(base.valid), 1)
        share = ratio(now.valid - now.cells[:, usual], now.valid)
        level = float(drift.level[place])
        p = share_p_values(null, share, now.valid, float(before), max(len(reference.rows), 1))
        held = (now.valid >= max(least, 1)) & np.isfinite(p)
        change = share - null.mean
        sd = max(float(np.sqrt(null.mean * (1 - null.mean))), float(np.sqrt(_MATTERS * (1 - _MATTERS))))
        material = held & (np.abs(change) > max(_MATTERS, tolerance * sd))
        surprise = np.sqrt(np.log(np.clip(p, 1e-300, 1.0)) / np.log(level))
        rows: dict[str, Values | NDArray[np.int64] | NDArray[np.bool_]] = {
            "p": np.where(held, p, np.nan),
            "shift": np.where(held, np.where(_rose(base, now), 1, -1) * np.abs(change) / sd, np.nan),
            "scale": np.ones(len(share), dtype=np.int64),
            "series": np.full(len(share), int(np.searchsorted(scores.column, place)), dtype=np.int64),
            "limit": np.full(len(share), max(_MATTERS / sd, tolerance)),
            "ratio": np.where(held, surprise, np.nan),
            "significant": held & (p < level),
            "material": material,
        }
        for key, found in rows.items():
            fields[key][:, place] = found
    return replace(drift, **fields)


def _null(windows: ColumnProfile, usual: int) -> ShareNull:
    """Return the share of other values in the reference, and how it varies between its windows beyond sampling."""
    n = np.atleast_1d(windows.valid)
    other = (n - np.atleast_2d(windows.cells)[:, usual])[n > 0]
    n = n[n > 0]
    mean = float(other.sum() / max(int(n.sum()), 1))
    if len(n) < _ENOUGH:
        return ShareNull(mean, 0.0, _PRIOR_FREEDOM)
    between = float((n * (other / n - mean) ** 2).sum()) / (len(n) - 1)
    tau2 = max(between - mean * (1 - mean), 0.0) * float((1 / n).mean())
    return ShareNull(mean, tau2, float(len(n) - 1) if tau2 > 0 else _PRIOR_FREEDOM)


def _rose(base: ColumnProfile, now: ColumnProfile) -> NDArray[np.bool_]:
    cells = np.arange(len(base.cells))
    before = (base.cells * cells).sum() / max(int(base.valid), 1)
    return np.asarray((now.cells * cells).sum(axis=1) / np.maximum(now.valid, 1) >= before)
