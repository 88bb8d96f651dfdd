"""Where performance was lost: slices found on one half of the rows, and confirmed on the other.

Slices are groups of one column, or of two. What is told was not found by chance: the search sees every second row, the rest says whether it
holds, corrected for how many slices were tried there (Holm 1979). As in Slice Finder (Chung et al. 2019, "Automated Data Slicing for Model
Validation"), with a beam of depth two; ranked by an empirical-Bayes estimate shrunk towards the whole (Efron and Morris 1975).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.why.fit import LEAST
from monitors.why.rows import Codes, Grouping, Rows, Values

SHARE = 0.02  # of the current rows, at least
FEWEST = 25  # rows of a slice in each half
BEAM = 10  # single slices that are paired on
TRIED = 10  # slices that the other half is asked about
LEVEL = 0.05
_SEEN = 1.64  # standard errors from which a slice is worth trying
_BETTER = 2.5  # a pair tells more than either of its columns by so many
_SAME = 0.7  # slices that share so much of their rows are one

Mask = NDArray[np.bool_]
Key = tuple[tuple[int, int], ...]  # (number of the grouping, group) of each column


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the rows that lost more than the rest. Losses are of all rows; ``shrunk``, the interval and ``p_value`` of those held out.

    ``shrunk``, ``lower``, ``upper``: rise of its loss since the reference (``reference`` None: that held none of it, so since the
    reference's mean). ``part``: what its excess over the rest adds to the mean loss of all rows.
    """

    words: str
    columns: tuple[str, ...]
    groups: tuple[str, ...]
    share: float
    n: int
    reference: float | None
    current: float
    shrunk: float
    lower: float
    upper: float
    p_value: float
    part: float


@dataclass(frozen=True, slots=True, eq=False)
class _Half:
    """One half of the rows of both sides, with the group of each row in every grouping, (groupings, rows)."""

    reference: Rows
    current: Rows
    then: Codes
    now: Codes

    def masks(self, key: Key) -> tuple[Mask, Mask]:
        """Return which rows of either side belong to a slice."""
        then = np.ones(len(self.reference), dtype=bool)
        now = np.ones(len(self.current), dtype=bool)
        for place, group in key:
            then &= self.then[place] == group
            now &= self.now[place] == group
        return then, now


@dataclass(frozen=True, slots=True)
class _Rise:
    """How much the loss of a slice rose, and by how much more than that of the rest, with standard errors."""

    rise: float
    error: float
    excess: float
    excess_error: float

    @property
    def z(self) -> float:
        return self.excess / self.excess_error if self.excess_error > 0 else 0.0


def find_slices(
    groupings: Sequence[Grouping], reference: Rows, current: Rows, *, tolerance: float = 0.0, limit: int = 10
) -> list[Slice]:
    """Return the slices whose loss rose more than that of the rest, the most first; none below 100 rows on either side.

    ``tolerance``: excess that is immaterial, in units of the loss. A slice holds at least 2 % of the current rows.
    """
    if min(len(reference), len(current)) < 2 * LEAST or not groupings:
        return []
    then = np.stack([one.codes(reference) for one in groupings])
    now = np.stack([one.codes(current) for one in groupings])
    first, second = (_half(reference, current, then, now, parity) for parity in (0, 1))
    tried = _search(first, tolerance)
    confirmed = _confirm(second, tried, tolerance)
    told = _told(second, confirmed)[:limit]
    everything = _Half(reference, current, then, now)
    return [_slice(groupings, everything, key, rise, shrink, p) for key, rise, shrink, p in told]


def _half(reference: Rows, current: Rows, then: Codes, now: Codes, parity: int) -> _Half:
    old, new = np.arange(len(reference)) % 2 == parity, np.arange(len(current)) % 2 == parity
    return _Half(reference.take(old), current.take(new), then[:, old], now[:, new])


# -- searching ---------------------------------------------------------------------------------------------------------
def _search(half: _Half, tolerance: float) -> list[Key]:
    """Return the slices to try on the other half, likeliest first."""
    singles = {key: rise for key, rise in _singles(half, ()).items() if rise.excess > tolerance}
    beam = sorted(singles, key=lambda key: -singles[key].z)[:BEAM]
    found = dict(singles)
    for key in beam:
        for pair, rise in _singles(half, key).items():
            parents = [singles.get((one,)) for one in pair]
            known = max((p.excess for p in parents if p is not None), default=0.0)
            if rise.excess - known > max(_BETTER * rise.excess_error, tolerance):
                found[pair] = rise
    shrink = _shrinkage(list(found.values()))
    ranked = sorted(found, key=lambda key: -shrink(found[key]))
    tried: list[Key] = []
    for key in ranked:
        if found[key].z >= _SEEN and not any(_same(half, key, other) for other in tried):
            tried.append(key)
        if len(tried) == TRIED:
            break
    return tried


def _singles(half: _Half, within: Key) -> dict[Key, _Rise]:
    """Return the rise of every group of every column, inside a slice if one is given (of the columns that it does not name)."""
    old, new = half.masks(within)
    named = {place for place, _ in within}
    least = max(FEWEST, SHARE * len(half.current))
    found: dict[Key, _Rise] = {}
    for place in range(len(half.now)):
        if place in named:
            continue
        counts = np.bincount(half.now[place][new])
        for group in np.flatnonzero(counts >= least).tolist():
            key = tuple(sorted((*within, (place, group))))
            then, now = old & (half.then[place] == group), new & (half.now[place] == group)
            if counts[group] <= len(half.current) - FEWEST:
                found[key] = _rise(half, then, now)
    return found


def _rise(half: _Half, then: Mask, now: Mask, *, days: bool = False) -> _Rise:
    """Hold a slice's loss against its own in the reference, and that change against the change of the rest."""
    mine, mine_error = _change(half.reference.loss, half.current.loss, then, now)
    rest, rest_error = _change(half.reference.loss, half.current.loss, ~then, ~now)
    spread = _days(half, then, now) if days else 0.0
    return _Rise(mine, math.sqrt(mine_error + spread), mine - rest, math.sqrt(mine_error + rest_error + spread))


def _change(before: Values, after: Values, then: Mask, now: Mask) -> tuple[float, float]:
    """Return a change of the mean loss and its variance; against all of the reference where that holds too few of the slice."""
    ours = before[then] if then.sum() >= FEWEST else before
    mine = after[now]
    change = float(mine.mean() - ours.mean()) if len(mine) else 0.0
    return change, float(np.var(ours) / len(ours) + (np.var(mine) / len(mine) if len(mine) else 0.0))


def _days(half: _Half, then: Mask, now: Mask) -> float:
    """Return the variance that days add to a slice's excess: what its mean does from day to day in the reference beyond chance.

    The days' own effects on all rows cancel in the excess; what is left is the slice's own.
    """
    if half.reference.day is None or half.current.day is None or then.sum() < FEWEST:
        return 0.0
    _, day = np.unique(half.reference.day, return_inverse=True)
    inside, outside = (np.bincount(day, weights=mask) for mask in (then.astype(float), (~then).astype(float)))
    both = inside >= 2
    if both.sum() < 5:
        return 0.0
    loss = half.reference.loss
    means = np.bincount(day, weights=loss * then)[both] / inside[both]
    others = np.bincount(day, weights=loss * ~then)[both] / np.maximum(outside[both], 1)
    alone = outside[both] < 2  # a weekday, say: its days have no other rows to be held against
    gap = means - np.where(alone, loss.mean(), others)
    chance = np.var(loss[then]) / inside[both] + np.where(
        alone, 0.0, np.var(loss[~then]) / np.maximum(outside[both], 1)
    )
    own = max(0.0, float(np.var(gap, ddof=1) - chance.mean()))
    return own / len(np.unique(half.current.day[now])) + own / int(both.sum())


class _shrinkage:  # noqa: N801 - a function with a memory
    """Rise of a slice, shrunk towards that of the whole by how far slices differ beyond chance (method of moments)."""

    def __init__(self, rises: Sequence[_Rise]) -> None:
        excess = np.array([rise.excess for rise in rises])
        noise = np.array([rise.excess_error**2 for rise in rises])
        self._between = max(0.0, float(np.mean(excess**2) - noise.mean())) if len(rises) else 0.0

    def __call__(self, rise: _Rise) -> float:
        total = self._between + rise.excess_error**2
        return rise.excess * self._between / total if total > 0 else rise.excess


def _same(half: _Half, key: Key, other: Key) -> bool:
    mine, theirs = half.masks(key)[1], half.masks(other)[1]
    return bool((mine & theirs).sum() > _SAME * (mine | theirs).sum())


# -- confirming --------------------------------------------------------------------------------------------------------
Confirmed = tuple[Key, _Rise, float, float]  # with its shrunk excess and corrected p-value


def _confirm(half: _Half, tried: Sequence[Key], tolerance: float) -> list[Confirmed]:
    """Return what holds on the rows held out, by its shrunk excess."""
    rises = [_rise(half, *half.masks(key), days=True) for key in tried]
    enough = [half.masks(key)[1].sum() >= FEWEST for key in tried]
    p = holm([float(special.ndtr(-rise.z)) if ok else 1.0 for rise, ok in zip(rises, enough, strict=True)])
    shrink = _shrinkage(rises)
    found = [
        (key, rise, shrink(rise), chance)
        for key, rise, chance in zip(tried, rises, p, strict=True)
        if chance < LEVEL and rise.excess > tolerance and rise.rise > 0
    ]
    return sorted(found, key=lambda one: -one[2])


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979, "A simple sequentially rejective multiple test procedure")."""
    order = np.argsort(p_values)
    found = np.empty(len(p_values))
    least = 0.0
    for rank, place in enumerate(order.tolist()):
        least = max(least, min(1.0, p_values[place] * (len(p_values) - rank)))
        found[place] = least
    return [float(value) for value in found]


def _told(half: _Half, confirmed: Sequence[Confirmed]) -> list[Confirmed]:
    """Leave out slices that only share their rows with worse ones: without those rows they lost no more than the rest."""
    old, new = np.ones(len(half.reference), dtype=bool), np.ones(len(half.current), dtype=bool)
    told: list[Confirmed] = []
    for one in confirmed:
        then, now = half.masks(one[0])
        left = _Half(half.reference.take(old), half.current.take(new), half.then[:, old], half.now[:, new])
        if told and (now & new).sum() < FEWEST:
            continue
        if not told or _rise(left, then[old], now[new], days=True).z >= _SEEN:
            told.append(one)
            old, new = old & ~then, new & ~now
        if new.sum() < LEAST or old.sum() < LEAST:
            break
    return told


def _slice(groupings: Sequence[Grouping], rows: _Half, key: Key, rise: _Rise, shrunk: float, p: float) -> Slice:
    then, now = rows.masks(key)
    share = float(now.mean())
    width = float(special.ndtri(0.975)) * rise.error
    return Slice(
        words=" and ".join(groupings[place].words(group) for place, group in key),
        columns=tuple(groupings[place].name for place, _ in key),
        groups=tuple(groupings[place].labels[group] for place, group in key),
        share=share,
        n=int(now.sum()),
        reference=float(rows.reference.loss[then].mean()) if then.sum() >= FEWEST else None,
        current=float(rows.current.loss[now].mean()),
        shrunk=rise.rise - rise.excess + shrunk,
        lower=rise.rise - width,
        upper=rise.rise + width,
        p_value=p,
        part=share * max(rise.excess, 0.0),
    )
