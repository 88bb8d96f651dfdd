"""How many rows a window should have, going by those before it: the same season of earlier weeks, at the level of late.

Everything is one step ahead: what a window is held against follows from earlier windows alone, and so does how far such
expectations have been off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values
from reference_data.windows import WindowSpec

BLOCKS = 8  # weeks, at most, that the shape of a week is taken from
LEAST_BLOCKS = 2  # weeks that it takes at least
PRIOR_MISS, PRIOR_WEIGHT = 0.2, 3.0  # assumed miss of an expectation (in logarithms), worth so many windows
MOST_FREEDOM = 12.0  # days are not normal: never so sure as more degrees of freedom would make it
CONFIRMED = 3  # first windows of the log, by which a reference's volume is seen to be the log's
USUALLY_EMPTY = 0.5  # expected rows below which a window without any is nothing to tell
HARMFUL_DROP, HARMFUL_SURGE = 0.7, 1.5  # times the expected rows, from which on it matters


@dataclass(frozen=True, slots=True)
class Season:
    """Windows of a ``cycle`` have habits of their own; the level follows the latest ``span`` of them."""

    cycle: int
    span: int

    @property
    def least(self) -> int:
        """Windows that must have been before one can be judged."""
        return LEAST_BLOCKS * self.cycle if self.cycle > 1 else self.span

    @property
    def reach(self) -> int:
        """Windows before one that have a say in it: what it is expected by, and by how much that was off."""
        return (BLOCKS if self.cycle <= 7 else 4) * self.cycle + max(self.cycle, 28) if self.cycle > 1 else 52


def season_of(window_spec: WindowSpec) -> Season:
    """Return the season of windows: the week, for windows of which whole numbers make one."""
    if window_spec.unit == "d" and window_spec.length == 1:
        return Season(7, 7)
    if window_spec.unit == "h" and 168 % window_spec.length == 0:
        return Season(168 // window_spec.length, max(24 // window_spec.length, 4))
    return Season(1, 4)


@dataclass(frozen=True, slots=True)
class Expected:
    """What one window is held against. NaN where too little is known."""

    rows: float
    p_value: float
    lower: float  # 95 % of windows are between these
    upper: float
    before: int  # windows that it was expected by

    @property
    def known(self) -> bool:
        """Whether there was enough to expect anything by."""
        return bool(np.isfinite(self.rows))


UNKNOWN = Expected(np.nan, np.nan, np.nan, np.nan, 0)


def expectations(rows: Sequence[int] | NDArray[np.int64], season: Season, first: int) -> list[Expected]:
    """Return what windows from place ``first`` on are held against; ``rows`` are counts of consecutive windows, all in order.

    The p-value is the larger of two, so that neither small counts nor unsteady traffic is taken for a change: Student's t of the miss in
    logarithms, against the misses before it; and the tail of a negative binomial with the same variation between windows.
    """
    y = np.asarray(rows, dtype=np.float64)
    predicted = _predictions(y, season)
    miss = np.log((y + 0.5) / (predicted + 0.5))
    spreads = np.asarray([_spread(y, predicted, miss, t, season) for t in range(first, len(y))]).reshape(-1, 2)
    variance, freedom = spreads.T
    expected, sd = predicted[first:], np.sqrt(variance)
    least = np.maximum(expected, 0.5)
    chance = 2 * special.stdtr(freedom, -np.abs(miss[first:]) / sd)
    p = np.minimum(np.maximum(chance, _tail(y[first:], least, np.maximum(variance - 1 / least, 1e-6))), 1.0)
    reach = special.stdtrit(freedom, 0.975) * sd
    lower, upper = (np.maximum((expected + 0.5) * np.exp(sign * reach) - 0.5, 0.0) for sign in (-1, 1))
    found = zip(expected.tolist(), p.tolist(), lower.tolist(), upper.tolist(), range(first, len(y)), strict=True)
    return [Expected(*each) if np.isfinite(each[0]) else replace(UNKNOWN, before=each[-1]) for each in found]


def _predictions(y: Values, season: Season) -> Values:
    """Return what each window should have by those before it. Of an outage only the first window is learned from, or it would pass for usual."""
    seen, predicted = y.copy(), np.empty(len(y))
    away = False
    for t in range(len(y)):
        predicted[t] = _predict(seen, t, season)
        usual = 0.0
        if y[t] == 0 and t:
            usual = predicted[t] if np.isfinite(predicted[t]) else _median(seen[:t])
        missed = bool(usual >= USUALLY_EMPTY)
        if missed and away:
            seen[t] = usual
        away = missed or (away and y[t] == 0)  # a day that is usually empty ends no outage
    return predicted


def _predict(y: Values, t: int, season: Season) -> float:
    """Return the rows that window ``t`` should have: the level of the latest windows, times the habit of its place in the cycle.

    NaN where too few windows, or none with rows, were before.
    """
    if t < season.least:
        return np.nan
    cycle, span = season.cycle, season.span
    if cycle == 1:
        return _median(y[t - span : t])
    blocks = min(t // cycle, BLOCKS if cycle <= 7 else 4)
    weeks = y[t - blocks * cycle : t].reshape(blocks, cycle)
    mean = weeks.sum(axis=1, keepdims=True) / cycle
    filled = mean[:, 0] > 0
    if not filled.any():
        return np.nan
    habit = _middle(weeks[filled] / mean[filled])
    latest, habits = weeks[-1, -span:], habit[-span:]
    some = habits > 0
    return _median(latest[some] / habits[some]) * float(habit[0]) if some.any() else 0.0


def _middle(values: Values) -> Values:
    """Return the median along the first axis, of values without NaN: a fifth of the time that NumPy's takes for a few."""
    ordered, half = np.sort(values, axis=0), len(values) // 2
    return np.asarray(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def _median(values: Values) -> float:
    return float(_middle(values))


def _spread(y: Values, predicted: Values, miss: Values, t: int, season: Season) -> tuple[float, float]:
    """Return the variance of what window ``t`` misses its expectation by, in logarithms, and its degrees of freedom."""
    rows = predicted[t]
    if not np.isfinite(rows):
        return np.nan, np.nan
    since = max(t - season.reach, 0)
    past, were = miss[since:t], predicted[since:t]
    held = np.isfinite(past) & (y[since:t] > 0) & (were > 0)
    past, were = past[held], were[held]
    noise = float((1 / np.maximum(were, 0.5)).sum()) / len(were) if len(were) else 1 / max(rows, 0.5)
    if len(past):
        most = 3 * max(1.4826 * _median(np.abs(past)), float(np.sqrt(noise)), 0.1)
        past = np.clip(past, -most, most)  # an outage must not hide the next one
    variance = (float((past**2).sum()) + PRIOR_WEIGHT * (PRIOR_MISS**2 + noise)) / (len(past) + PRIOR_WEIGHT)
    variance += max(1 / max(rows, 0.5) - noise, 0.0)  # smaller windows are noisier
    return variance, min(len(past) + PRIOR_WEIGHT, MOST_FREEDOM)


def _tail(count: Values, mean: Values, between: Values) -> Values:
    """Return twice the smaller tail of negative binomials of these means, with a relative variance ``between`` windows."""
    size = 1 / between
    share = size / (size + mean)
    below = special.betainc(size, count + 1, share)
    above = np.where(count == 0, 1.0, 1 - special.betainc(size, np.maximum(count, 1.0), share))
    return np.asarray(2 * np.minimum(below, above))


def with_reference(own: NDArray[np.int64], reference: NDArray[np.int64], gap: int, season: Season) -> NDArray[np.int64]:
    """Return the reference's windows that the log's own may be preceded by, none if they say nothing of its volume.

    ``gap``: windows between the end of the one and the start of the other. They count if the log's first three windows have as many rows
    as the reference leads to expect, within a quarter: a sample, or rows of another time, does not pass for traffic. They are cut so that
    the week goes on where it stopped.
    """
    none = np.zeros(0, dtype=np.int64)
    kept = len(reference) - (-gap) % season.cycle
    if len(own) < CONFIRMED or kept < season.least:
        return none
    before = reference[:kept].astype(np.float64)
    rows = np.concatenate([before, own[:CONFIRMED].astype(np.float64)])
    predicted = np.asarray([_predict(rows, kept + place, season) for place in range(CONFIRMED)])
    off = np.abs(np.log((own[:CONFIRMED] + 0.5) / (predicted + 0.5)))
    return np.asarray(reference[:kept], dtype=np.int64) if float(np.median(off)) < np.log(4 / 3) else none
