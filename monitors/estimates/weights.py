"""How inputs moved: a weight for each row of the reference, by which it looks like the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
MOST = 4000  # rows of a side that are looked at
_SURE = 4.0  # standard errors by which rows must be told apart better than by chance, before anything is weighted
_HINT = 1.0  # standard errors on the first half, below which the second is not asked
_LARGEST = 0.995  # quantile at which weights are cut: a handful of rows must not stand for all
_APART = 0.98  # area from which hardly a row of the window could be one of the reference
_FEWEST = 40  # rows of a side from which moved inputs can be told
_OUTSIDE = 0.05  # effective share of the reference's rows below which a window lies outside of it


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """``values``: one weight a row of the reference, mean 1. ``told_apart``: cross-validated area under the ROC curve, 0.5 for chance."""

    values: Numbers
    told_apart: float
    shifted: bool

    @property
    def effective(self) -> float:
        """Return how many unweighted rows are worth as much: (sum w)² / sum w² (Kish 1965, Survey Sampling)."""
        return float(self.values.sum() ** 2 / (self.values**2).sum())

    @property
    def outside(self) -> bool:
        """Whether so little of the reference looks like the window that nothing can be said of it."""
        return self.shifted and (self.effective < _OUTSIDE * len(self.values) or self.told_apart > _APART)


def weigh(reference: Numbers, window: Numbers, nominal: list[bool]) -> Weights:
    """Return weights by a classifier that tells the window's rows (n, inputs) from the reference's (m, inputs).

    Odds of the classifier are the ratio of densities (Bickel, Brückner and Scheffer 2009, Discriminative learning under covariate shift,
    JMLR 10). All weights are 1 where it cannot tell them apart beyond chance. The reference is taken whole: give :func:`some_of` it.
    """
    a, b = reference, window[some_of(len(window))]
    if min(len(a), len(b)) < _FEWEST:
        return Weights(np.ones(len(a)), 0.5, shifted=False)
    rows, current = np.vstack([a, b]), np.r_[np.zeros(len(a), dtype=bool), np.ones(len(b), dtype=bool)]
    fold = np.r_[np.arange(len(a)), np.arange(len(b))] % 2
    told, odds = np.zeros(len(rows)), np.zeros(len(a))
    for held in (0, 1):
        model = _classifier(nominal).fit(rows[fold != held], current[fold != held])
        found = np.asarray(model.decision_function(rows))
        told[fold == held] = found[fold == held]
        odds += np.exp(np.clip(found[: len(a)], -20, 20)) / 2
        area, error = _area(told[fold <= held], current[fold <= held])
        if area <= 0.5 + (_SURE if held else _HINT) * error:
            return Weights(np.ones(len(a)), area, shifted=False)
    odds = np.minimum(odds, np.quantile(odds, _LARGEST))
    return Weights(odds / odds.mean(), area, shifted=True)


def _area(told: Numbers, current: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the area under the ROC curve, and its standard error where there is nothing to tell."""
    from scipy import stats  # late: a second of starting

    m, n = int((~current).sum()), int(current.sum())
    statistic = float(stats.mannwhitneyu(told[current], told[~current]).statistic)
    return statistic / (m * n), float(np.sqrt((m + n + 1) / (12 * m * n)))


def _classifier(nominal: list[bool]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=8, learning_rate=0.15, min_samples_leaf=20, categorical_features=nominal, early_stopping=False,
        random_state=0,
    )  # fmt: skip


def some_of(n: int) -> NDArray[np.intp]:
    """Return the places of at most MOST of n rows, the same ones each time."""
    if n <= MOST:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, MOST, replace=False))
