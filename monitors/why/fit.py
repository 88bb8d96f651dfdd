"""The two models behind an explanation: what a row would have cost in the reference, and how much likelier it is now than then.

Each is fitted on some folds and read on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._threads import one_thread
from monitors.why.rows import Rows, Values, matrix
from reference_data.profile import BinnedColumn

FOLDS = 3
LEAST = 100  # rows on either side
_TIMES, _MANY = 3, 4000
_HELD = 30  # values from which a column is told by them
CLIP = 30.0  # density ratios are cut here: what is likelier by more has left the reference


def expected_loss(entries: Sequence[BinnedColumn], reference: Rows, current: Rows) -> tuple[Values, Values]:
    """Return E[loss | inputs] under the reference's rule, for the reference's rows and for the current ones.

    Each reference row by a regression that has not seen it.
    """
    if not entries or np.ptp(reference.loss) == 0:
        mean = float(reference.loss.mean())
        return np.full(len(reference), mean), np.full(len(current), mean)
    here, there = _filled(matrix(entries, reference), matrix(entries, current))
    inside, outside = np.zeros(len(reference)), np.zeros(len(current))
    repeats = _repeats(len(reference))
    for repeat in range(repeats):
        fold = _folds(len(reference), repeat)
        for left in range(FOLDS):
            kept = fold != left
            with one_thread():
                model = _regressor(entries, len(reference), repeat).fit(here[kept], reference.loss[kept])
                inside[~kept] += model.predict(here[~kept]) / repeats
                outside += model.predict(there) / (FOLDS * repeats)
    return inside, outside


def density_ratios(entries: Sequence[BinnedColumn], reference: Rows, current: Rows) -> tuple[Values, Values]:
    """Return how much likelier each row's inputs are now than in the reference, for rows of the reference and for current ones.

    By a classifier that tells the two apart, each row by one that has not seen it: the odds times the ratio of row counts (Bickel,
    Brückner, Scheffer 2009, "Discriminative Learning Under Covariate Shift"). Not cut.
    """
    n, m = len(reference), len(current)
    if not entries:
        return np.ones(n), np.ones(m)
    x = np.concatenate([matrix(entries, reference), matrix(entries, current)])
    x, _ = _filled(x, x)
    y = np.concatenate([np.zeros(n), np.ones(m)])
    share = np.zeros(n + m)
    repeats = _repeats(n)
    for repeat in range(repeats):
        fold = np.concatenate([_folds(n, repeat), _folds(m, repeat)])
        for left in range(FOLDS):
            kept = fold != left
            with one_thread():
                model = _classifier(entries, n + m, repeat).fit(x[kept], y[kept])
                share[~kept] += model.predict_proba(x[~kept])[:, 1] / repeats
    share = np.clip(share, 1e-6, 1 - 1e-6)
    ratio = share / (1 - share) * (n / m)
    return ratio[:n], ratio[n:]


def _filled(here: Values, there: Values) -> tuple[Values, Values]:
    """Return both, with columns that hold hardly a value on the side that is learned from told apart by missing or not alone."""
    known = np.isfinite(here).sum(axis=0)
    bare = known < _HELD
    return np.where(bare, np.isfinite(here), here), np.where(bare, np.isfinite(there), there)


def _repeats(n: int) -> int:
    """Few rows make models that hang on which fold a row is in: then the mean over several ways to fold them counts."""
    return _TIMES if n < _MANY else 1


def _folds(n: int, repeat: int) -> NDArray[np.int64]:
    """Return the fold of each row: every third one, in one order of the rows or another."""
    fold = np.arange(n) % FOLDS
    return fold if repeat == 0 else np.random.default_rng(repeat).permutation(fold)


def _nominal(entries: Sequence[BinnedColumn]) -> list[bool] | None:
    marks = [not entry.ordered for entry in entries]
    return marks if any(marks) else None


def _regressor(entries: Sequence[BinnedColumn], n: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=80, learning_rate=0.1, max_leaf_nodes=12, min_samples_leaf=_leaf(n), l2_regularization=1.0,
        categorical_features=_nominal(entries), early_stopping=True, n_iter_no_change=8, random_state=seed,
    )  # fmt: skip


def _classifier(entries: Sequence[BinnedColumn], n: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=_leaf(n), l2_regularization=1.0,
        categorical_features=_nominal(entries), early_stopping=True, n_iter_no_change=5, random_state=seed,
    )  # fmt: skip


def _leaf(n: int) -> int:
    return max(10, min(60, n // 60))
