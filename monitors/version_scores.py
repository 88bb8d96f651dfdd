"""Two versions held against each other: metrics from sums that merge, and the interval of their difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitors.checks._cells import Values, ratio

#: What is summed over rows with a label, by task. ``e``: prediction - label; ``y``: label; the rest count or add what they are named.
TERMS: dict[str, tuple[str, ...]] = {
    "regression": ("n", "abs_e", "e", "ee", "y", "yy"),
    "binary": ("n", "correct", "hits", "predicted", "actual", "scored", "log_loss", "brier"),
    "multiclass": ("n", "correct", "scored", "log_loss"),
}
FEWEST_CLUSTERS = 5


@dataclass(frozen=True, slots=True)
class Score:
    """A metric read off sums: ``value`` takes them by name, with any leading axes."""

    name: str
    unit: str  # "label" for the label's own
    higher_is_better: bool
    value: Callable[[Mapping[str, Values]], Values]
    size_counts: bool = False  # of a bias: the one nearer to nothing is better


def _mse(s: Mapping[str, Values]) -> Values:
    return ratio(s["ee"], s["n"])


def _r2(s: Mapping[str, Values]) -> Values:
    return np.asarray(1 - ratio(s["ee"], s["yy"] - ratio(s["y"] ** 2, s["n"])))


SCORES: dict[str, tuple[Score, ...]] = {
    "regression": (
        Score("mae", "label", higher_is_better=False, value=lambda s: ratio(s["abs_e"], s["n"])),
        Score("rmse", "label", higher_is_better=False, value=lambda s: np.sqrt(_mse(s))),
        Score("bias", "label", higher_is_better=False, value=lambda s: ratio(s["e"], s["n"]), size_counts=True),
        Score("r2", "", higher_is_better=True, value=_r2),
    ),
    "binary": (
        Score("accuracy", "share", higher_is_better=True, value=lambda s: ratio(s["correct"], s["n"])),
        Score("precision", "share", higher_is_better=True, value=lambda s: ratio(s["hits"], s["predicted"])),
        Score("recall", "share", higher_is_better=True, value=lambda s: ratio(s["hits"], s["actual"])),
        Score("f1", "share", higher_is_better=True, value=lambda s: ratio(2 * s["hits"], s["predicted"] + s["actual"])),
        Score("log_loss", "nats", higher_is_better=False, value=lambda s: ratio(s["log_loss"], s["scored"])),
        Score("brier", "", higher_is_better=False, value=lambda s: ratio(s["brier"], s["scored"])),
    ),
    "multiclass": (
        Score("accuracy", "share", higher_is_better=True, value=lambda s: ratio(s["correct"], s["n"])),
        Score("log_loss", "nats", higher_is_better=False, value=lambda s: ratio(s["log_loss"], s["scored"])),
    ),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two versions, and the 95 % interval of ``value - other``; NaN where it cannot be said."""

    score: Score
    value: float
    other: float
    lower: float
    upper: float

    @property
    def better(self) -> bool | None:
        """Whether the first is better beyond the interval, False where the other is; None: they cannot be told apart."""
        if not (self.lower > 0 or self.upper < 0):
            return None
        if self.score.size_counts:
            return abs(self.value) < abs(self.other)
        return (self.value > self.other) == self.score.higher_is_better


def differences(task: str, mine: NDArray[np.float64], other: NDArray[np.float64]) -> list[Difference]:
    """Return what tells two versions apart, from their sums by cluster, each of shape (clusters, terms) in the order of :data:`TERMS`.

    Rows of a cluster (a day) are not independent, clusters are: the interval is the delete-one jackknife over clusters with Student's t
    (Efron and Tibshirani 1993, An Introduction to the Bootstrap, 11). With fewer than :data:`FEWEST_CLUSTERS` there is none. A metric that neither
    version has is left out.
    """
    names = TERMS[task]
    found: list[Difference] = []
    k = len(mine)
    without = ~np.eye(k, dtype=bool)
    for score in SCORES[task]:
        values = [float(score.value(_by_name(names, part.sum(axis=0)))) for part in (mine, other)]
        if not all(np.isfinite(values)):
            continue
        lower = upper = float("nan")
        if k >= FEWEST_CLUSTERS:
            left = [score.value(_by_name(names, without.astype(np.float64) @ part)) for part in (mine, other)]
            apart = left[0] - left[1]
            apart = apart[np.isfinite(apart)]
            spread = (
                float(np.sqrt((k - 1) / k * ((apart - apart.mean()) ** 2).sum())) if len(apart) == k else float("nan")
            )
            reach = float(special.stdtrit(k - 1, 0.975)) * spread
            lower, upper = values[0] - values[1] - reach, values[0] - values[1] + reach
        found.append(Difference(score, values[0], values[1], lower, upper))
    return found


def _by_name(names: tuple[str, ...], sums: NDArray[np.float64]) -> dict[str, Values]:
    return {name: np.asarray(sums[..., place]) for place, name in enumerate(names)}
