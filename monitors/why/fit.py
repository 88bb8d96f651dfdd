"""The two models behind an explanation, fitted on some folds and read on the others: what a row would have cost in the reference, and
how much likelier it is now than then."""

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
CLIP = 30.0  # density ratios are cut here: what is likelier by more has left the reference


def expected_loss(entries: Sequence[BinnedColumn], reference: Rows, current: Rows) -> tuple[Values, Values]:
    """Return E[loss | inputs] under the reference's rule, for the reference's rows and for the current ones.

    Each reference row by a regression that has not seen it.
    """
    if not entries or np.ptp(reference.loss) == 0:
        mean = float(reference.loss.mean())
        return np.full(len(reference), mean), np.full(len(current), mean)
    here, there = matrix(entries, reference), matrix(entries, current)
    fold = _folds(len(reference))
    inside, outside = np.empty(len(reference)), np.zeros(len(current))
    for left in range(FOLDS):
        with one_thread():
            model = _regressor(entries, len(reference)).fit(here[fold != left], reference.loss[fold != left])
            inside[fold == left] = model.predict(here[fold == left])
            outside += model.predict(there) / FOLDS
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
    y = np.concatenate([np.zeros(n), np.ones(m)])
    fold = np.concatenate([_folds(n), _folds(m)])
    share = np.empty(n + m)
    for left in range(FOLDS):
        with one_thread():
            model = _classifier(entries, n + m).fit(x[fold != left], y[fold != left])
            share[fold == left] = model.predict_proba(x[fold == left])[:, 1]
    share = np.clip(share, 1e-6, 1 - 1e-6)
    ratio = share / (1 - share) * (n / m)
    return ratio[:n], ratio[n:]


def _folds(n: int) -> NDArray[np.int64]:
    """Rows come in the order of their hashes, so every third one is a sample."""
    return np.arange(n) % FOLDS


def _nominal(entries: Sequence[BinnedColumn]) -> list[bool] | None:
    marks = [not entry.ordered for entry in entries]
    return marks if any(marks) else None


def _regressor(entries: Sequence[BinnedColumn], n: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=80, learning_rate=0.1, max_leaf_nodes=12, min_samples_leaf=_leaf(n), l2_regularization=1.0,
        categorical_features=_nominal(entries), early_stopping=True, n_iter_no_change=8, random_state=0,
    )  # fmt: skip


def _classifier(entries: Sequence[BinnedColumn], n: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=_leaf(n), l2_regularization=1.0,
        categorical_features=_nominal(entries), early_stopping=True, n_iter_no_change=5, random_state=0,
    )  # fmt: skip


def _leaf(n: int) -> int:
    return max(10, min(60, n // 60))
