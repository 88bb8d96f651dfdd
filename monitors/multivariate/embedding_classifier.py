"""Whether a classifier can tell current embeddings from those of the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._auc import Scores, cross_validated
from monitors.multivariate._types import Found, Rows, RowsCheck, Sides
from monitors.multivariate._vectors import principal


def _fit(rows: Rows, current: NDArray[np.bool_]) -> Callable[[Rows], Scores]:
    from sklearn.linear_model import LogisticRegression

    model: Any = LogisticRegression(C=0.1, class_weight="balanced", max_iter=200)
    model.fit(rows, current)
    return lambda held: np.asarray(model.decision_function(held), dtype=np.float64)


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the cross-validated AUC on the reference's foremost 50 principal directions."""
    del explain
    base, now = principal(sides.reference, sides.current)
    return cross_validated(base, now, _fit, rng)[0]


CHECK = RowsCheck(
    name="embedding_classifier",
    target="embedding",
    unit="AUC",
    summary="How well a classifier tells current embeddings from those of the reference: 0.5 not at all, 1 always.",
    citation="Lopez-Paz and Oquab (2017), Revisiting Classifier Two-Sample Tests, ICLR",
    compare=compare,
    most=(1000, 1000),
    least=0.05,
    prior=0.03,
)
