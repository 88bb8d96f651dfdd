"""True and predicted classes, counted from the cells of the ``confusion`` column."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values, ratio
from reference_data.bins import Bins
from reference_data.profile import Profile

ARROW = " → "


@lru_cache(maxsize=64)
def _pairs(confusion: Bins, known: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Split each "label → prediction" cell; a class whose own name holds an arrow is found among ``known``."""
    names: list[tuple[str, str]] = []
    for text in confusion.categories:
        parts = text.split(ARROW)
        splits = [(ARROW.join(parts[:cut]), ARROW.join(parts[cut:])) for cut in range(1, len(parts))]
        names.append(max(splits, key=lambda pair: (pair[0] in known) + (pair[1] in known)))
    classes = tuple(sorted({name for pair in names for name in pair} | set(known)))
    index = {name: position for position, name in enumerate(classes)}
    return classes, tuple((index[label], index[prediction]) for label, prediction in names)


def confusion_counts(outcomes: Profile) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the class names, sorted, and counts (..., label, prediction).

    Pairs that the reference did not list are in no cell of the matrix. Raises :class:`KeyError` when the outcomes have
    no ``confusion`` column.
    """
    column = outcomes.column("confusion")
    label = outcomes.layout.entry("label").bins if "label" in outcomes.layout.names else Bins("nominal")
    classes, pairs = _pairs(column.entry.bins, label.categories)
    matrix = np.zeros((*column.rows.shape, len(classes), len(classes)), dtype=np.int64)
    for cell, (true, predicted) in enumerate(pairs):
        matrix[..., true, predicted] += column.cells[..., cell]
    return classes, matrix


def class_scores(outcomes: Profile, positive: str | None) -> tuple[Values, Values, Values]:
    """Return precision, recall and F1 per window: of the positive class, or averaged over the classes if it is None.

    As in scikit-learn with ``zero_division=0``: a class never predicted has precision 0, one that never occurs recall 0,
    and the macro average runs over the classes that occur as label or prediction. NaN for a window without rows.
    """
    classes, matrix = confusion_counts(outcomes)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1).astype(np.float64)
    predicted, actual = matrix.sum(axis=-2), matrix.sum(axis=-1)
    present = (predicted + actual) > 0
    if positive is not None:
        present = present & (np.asarray(classes) == positive)
    precision = np.nan_to_num(ratio(hits, predicted))
    recall = np.nan_to_num(ratio(hits, actual))
    f1 = np.nan_to_num(ratio(2 * hits, predicted + actual))
    some = matrix.sum(axis=(-2, -1)) > 0
    counted = np.where(some, np.maximum(present.sum(axis=-1), 1), 0)
    return (
        ratio(np.where(present, precision, 0.0).sum(axis=-1), counted),
        ratio(np.where(present, recall, 0.0).sum(axis=-1), counted),
        ratio(np.where(present, f1, 0.0).sum(axis=-1), counted),
    )
