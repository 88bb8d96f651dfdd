"""Whether a classifier can tell current rows from reference rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._auc import Scores, auc, cross_validated
from monitors.multivariate._types import Found, Rows, RowsCheck, Sides, shares_of

_VALUES = 60_000  # of a side: wide rows come in smaller number
_LEAST_ROWS = 300
_FOLDS = 2  # five cost three times as much and find no more
_EXPLAINED = 100  # inputs that are tried out as drivers


def _fit(rows: Rows, current: NDArray[np.bool_]) -> Callable[[Rows], Scores]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model: Any = HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=8, learning_rate=0.15, min_samples_leaf=10, max_bins=16, early_stopping=False, random_state=0
    )  # fmt: skip
    model.fit(rows, current)
    return lambda held: np.asarray(model.decision_function(held), dtype=np.float64)


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the cross-validated AUC; its drivers are the inputs whose shuffling costs the classifier most of it."""
    assert sides.groups is not None
    if sides.current.shape[1] == 0:
        raise ValueError("no input varies in the reference, so there is nothing to tell rows apart by")
    most = max(_LEAST_ROWS, _VALUES // sides.current.shape[1])
    groups = sides.groups
    tried = range(min(len(sides.names), _EXPLAINED))

    def lost(rows: Rows, current: NDArray[np.bool_], score: Callable[[Rows], Scores], whole: float) -> Scores:
        order = rng.permutation(len(rows))
        found = np.zeros(len(sides.names))
        for place in tried:
            columns = groups == place
            shuffled = rows.copy()
            shuffled[:, columns] = rows[order][:, columns]
            found[place] = whole - auc(score(shuffled), current)
        return found

    found, drop = cross_validated(
        sides.reference[:most], sides.current[:most], _fit, rng, lost if explain else None, folds=_FOLDS
    )
    return found if drop is None else replace(found, drivers=shares_of(sides.names, drop))


CHECK = RowsCheck(
    name="domain_classifier",
    target="rows",
    unit="AUC",
    summary="How well a classifier tells current rows from reference rows: 0.5 not at all, 1 always.",
    citation="Lopez-Paz and Oquab (2017), Revisiting Classifier Two-Sample Tests, ICLR",
    compare=compare,
    most=(1000, 1000),
    least=0.05,
    prior=0.03,
)
