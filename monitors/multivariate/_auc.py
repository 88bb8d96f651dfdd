"""How well a classifier tells reference rows from current ones, on rows it has not seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._threads import one_thread
from monitors.multivariate._types import Found, Rows

FOLDS = 5
_PAIRED = 2  # variance of a mean over folds, in units of that over independent ones
Scores = NDArray[np.float64]
#: (rows, whether each is current) -> a function that scores rows; higher is more like the current ones
Fit = Callable[[Rows, NDArray[np.bool_]], Callable[[Rows], Scores]]
#: (held-out rows, whether each is current, the scorer, AUC) -> loss of AUC for each driver, averaged over the folds
Explain = Callable[[Rows, NDArray[np.bool_], Callable[[Rows], Scores], float], NDArray[np.float64]]


def auc(scores: Scores, current: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve: the share of pairs in which the current row scores higher, ties half."""
    from scipy.stats import rankdata  # late: a second of starting

    n = int(current.sum())
    m = len(current) - n
    ranks = rankdata(scores)
    return float((ranks[current].sum() - n * (n + 1) / 2) / (n * m))


def cross_validated(
    reference: Rows,
    current: Rows,
    fit: Fit,
    rng: np.random.Generator,
    explain: Explain | None = None,
    *,
    folds: int = FOLDS,
) -> tuple[Found, NDArray[np.float64] | None]:
    """Return the mean AUC over some folds, each scored by a classifier that learned from the others, with its null.

    The null of one fold is that of Mann and Whitney (1947): mean 1/2, variance (n + m + 1) / 12nm. Folds are not independent: what one
    has learned from the other scores it again when their parts are changed, so a mean over folds holds each pair of them twice, and
    varies with twice that variance (for a rule that is linear in the rows; for trees by up to that much). Raises :class:`ValueError`
    when a side has fewer rows than folds.
    """
    n, m = len(current), len(reference)
    if min(n, m) < folds:
        raise ValueError(f"{min(n, m)} rows on one side are too few to tell the sides apart; {folds} are needed")
    rows, label = np.concatenate([reference, current]), np.repeat([False, True], [m, n])
    fold = np.empty(n + m, dtype=np.intp)
    for side in (False, True):
        places = np.flatnonzero(label == side)
        fold[places] = rng.permutation(np.arange(len(places)) % folds)
    values, lost = [], []
    with one_thread():
        for k in range(folds):
            held = fold == k
            score = fit(rows[~held], label[~held])
            values.append(auc(score(rows[held]), label[held]))
            if explain is not None:
                lost.append(explain(rows[held], label[held], score, values[-1]))
    found = Found(float(np.mean(values)), 0.5, float(np.sqrt(_PAIRED * (n + m + 1) / (12 * n * m))))
    return found, None if explain is None else np.mean(lost, axis=0)
