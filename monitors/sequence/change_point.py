"""Since when a loss is up, and how it went up, by event time: a step, a ramp or a pulse, whichever explains the buckets best.

Each shape is a regression of the buckets' mean loss on one curve beside the usual level, which the reference says with its own uncertainty; the shape is
chosen by the Bayesian information criterion (Schwarz 1978), and the interval of the onset is that of its profile likelihood, normalised over all
onsets (Shaban 1980; Eckley, Fearnhead and Killick 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values
from monitors.sequence.baseline import LossBaseline

Shape = Literal["sudden", "gradual", "passed"]

CANDIDATES = 48  # places between which ramps and pulses may begin and end, at most
LEAST_RAMP = 3  # buckets below which a rise is sudden
_MOST_MEMORY = 0.8
_COVERED = 0.95


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """Places among the buckets: the onset, its interval, and the first bucket in which a passed change was over (else None)."""

    onset: int
    lower: int
    upper: int
    over: int | None
    shape: Shape


def find_change(usual: LossBaseline, n: NDArray[np.int64], loss: Values) -> ChangePoint | None:
    """Find where the loss of consecutive buckets went up; ``usual`` is the baseline of such buckets, shape (buckets,) of rows and means.

    None when no curve that goes up explains more than the usual level does, or there are fewer than two buckets with rows.
    """
    if int((n > 0).sum()) < 2:
        return None
    weight, deviation, known = _noise(usual, n, np.minimum(np.where(n > 0, loss, usual.mean), usual.most))
    places = np.arange(len(n))
    steps = (places[None, :] >= places[:, None]).astype(np.float64)
    marks = np.unique(np.linspace(0, len(n), min(len(n) + 1, CANDIDATES)).astype(int))
    pairs = np.array(list(combinations(marks.tolist(), 2)))
    begin, end = pairs[:, :1], pairs[:, 1:]
    ramps = np.clip((places - begin + 1) / (end - begin), 0.0, 1.0)[end[:, 0] - begin[:, 0] >= LEAST_RAMP]
    ramp_pairs = pairs[end[:, 0] - begin[:, 0] >= LEAST_RAMP]
    back = end[:, 0] < len(n)
    pulses = ((places >= begin) & (places < end)).astype(np.float64)[back]
    kinds: list[tuple[Shape, Values, NDArray[np.int64], NDArray[np.int64] | None, int]] = [
        ("sudden", steps, places, None, 2),
        ("gradual", ramps, ramp_pairs[:, 0], None, 3),
        ("passed", pulses, pairs[back][:, 0], pairs[back][:, 1], 3),
    ]
    rows = int((n > 0).sum())
    best: tuple[float, ChangePoint] | None = None
    for shape, curves, onsets, overs, parameters in kinds:
        if not len(curves):
            continue
        gain = _gain(weight, deviation, known, curves)
        top = int(gain.argmax())
        score = 2 * float(gain[top]) - parameters * np.log(rows)
        if gain[top] <= 0 or (best is not None and score <= best[0]):
            continue
        onset = int(onsets[top])
        lower, upper = _interval(gain, onsets, onset)
        over = None if overs is None else int(overs[top])
        best = score, ChangePoint(onset, lower, upper, over, shape)
    return None if best is None else best[1]


def _noise(usual: LossBaseline, n: NDArray[np.int64], loss: Values) -> tuple[Values, Values, float]:
    """Return the precision of each bucket's mean, its deviation from the usual mean, and the precision of that.

    Memory from bucket to bucket makes k of them worth k (1 - phi) / (1 + phi) (Bayley and Hammersley 1946).
    """
    k = len(usual.means)
    left = usual.means - usual.means.mean()
    variance = max(float((left**2).sum()) / max(k - 1, 1), usual.sampling**2, (1e-9 * max(abs(usual.mean), 1e-9)) ** 2)
    phi = float((left[1:] * left[:-1]).sum() / max(float((left**2).sum()), 1e-300)) if k > 4 else 0.0
    phi = min(max((k * phi + 1) / (k - 3) if k > 4 else 0.0, 0.0), _MOST_MEMORY)
    variance *= (1 + phi) / (1 - phi)
    weight = np.where(n > 0, np.minimum(n / usual.usual_rows, 1.0), 0.0) / variance
    return weight, loss - usual.mean, k / variance


def _gain(weight: Values, deviation: Values, known: float, curves: Values) -> Values:
    """Return by how much each curve, going up, raises the log likelihood over the usual level alone."""
    total = weight.sum() + known
    level = (weight * deviation).sum() / total
    cross = curves @ weight
    square = curves**2 @ weight - cross**2 / total
    along = curves @ (weight * deviation) - cross * level
    up = (along > 0) & (square > 1e-12 * total)
    return np.where(up, np.divide(along**2, square, out=np.zeros_like(along), where=up) / 2, 0.0)


def _interval(gain: Values, onsets: NDArray[np.int64], onset: int) -> tuple[int, int]:
    """Return the first and the last onset of the interval that holds 95 % of the likelihood."""
    chance = np.zeros(int(onsets.max()) + 1)
    np.maximum.at(chance, onsets, np.exp(gain - gain.max()))
    cumulated = np.cumsum(chance) / chance.sum()
    lower = int(np.searchsorted(cumulated, (1 - _COVERED) / 2))
    upper = int(np.searchsorted(cumulated, (1 + _COVERED) / 2))
    return min(lower, onset), max(min(upper, len(chance) - 1), onset)
