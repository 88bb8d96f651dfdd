"""True and predicted classes, counted from the cells of the ``confusion`` column, and what follows from them.

Standard errors are by the delta method on the multinomial counts of the matrix M: with g the gradient of the metric by each count,
n · Var = sum(M g²) / n - (sum(M g) / n)², where the second part is 0 for whatever does not change with the number of rows (Agresti 2013,
Categorical Data Analysis, 16.1).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitors.checks._cells import Values, ratio
from monitors.metrics._intervals import Interval, by_logit, share_error, wilson
from reference_data.bins import Bins
from reference_data.profile import Profile

ARROW = " → "
Average = Literal["macro", "weighted"]


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


class Confusion:
    """The matrix of each window with its margins: ``hits``, ``actual`` and ``predicted`` have the shape (..., classes)."""

    def __init__(self, outcomes: Profile) -> None:
        """Raise :class:`KeyError` when the outcomes have no ``confusion`` column."""
        self.classes, counts = confusion_counts(outcomes)
        self.matrix: Values = counts.astype(np.float64)
        self.hits: Values = np.diagonal(self.matrix, axis1=-2, axis2=-1)
        self.predicted: Values = self.matrix.sum(axis=-2)
        self.actual: Values = self.matrix.sum(axis=-1)
        self.rows: Values = self.matrix.sum(axis=(-2, -1))

    def of(self, positive: str | None) -> tuple[Values, Values, Values]:
        """Return hits, actual and predicted rows of one class; zeros for one that is not in the matrix."""
        if positive not in self.classes:
            return (np.zeros(self.rows.shape),) * 3
        place = self.classes.index(positive)
        return self.hits[..., place], self.actual[..., place], self.predicted[..., place]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether a class occurs as label or prediction, as scikit-learn's averages count them."""
        return (self.actual + self.predicted) > 0

    def averaged(self, scores: Values, average: Average) -> Values:
        """Average scores of classes (NaN counts as 0), over those that occur or weighted by the rows of each; NaN without rows."""
        weights = self.present.astype(np.float64) if average == "macro" else self.actual
        return ratio((np.nan_to_num(scores) * weights).sum(axis=-1), np.where(self.rows > 0, weights.sum(axis=-1), 0.0))

    def error(self, gradient: Values) -> Values:
        """Return the standard error of a metric by the gradient (..., label, prediction) of each count."""
        first, second = (gradient * self.matrix).sum(axis=(-2, -1)), (gradient**2 * self.matrix).sum(axis=(-2, -1))
        variance = np.maximum(second - ratio(first**2, self.rows), 0.0)
        return np.where(self.rows > 0, np.sqrt(variance), np.nan)


def averaged_scores(outcomes: Profile, kind: Literal["precision", "recall", "f1"], average: Average) -> Values:
    """Return precision, recall or F1 averaged over classes, as scikit-learn does with ``zero_division=0``."""
    table = Confusion(outcomes)
    return table.averaged(_by_class(table, kind), average)


def _by_class(table: Confusion, kind: str) -> Values:
    part = 2 * table.hits if kind == "f1" else table.hits
    whole = {"precision": table.predicted, "recall": table.actual, "f1": table.actual + table.predicted}[kind]
    return np.nan_to_num(ratio(part, whole))


def averaged_error(outcomes: Profile, kind: Literal["precision", "recall", "f1"], average: Average) -> Values:
    """Return the standard error of :func:`averaged_scores` by the delta method (Takahashi et al. 2022, Appl. Intell. 52)."""
    table = Confusion(outcomes)
    scores = _by_class(table, kind)
    by_label = table.actual * (kind != "precision")
    by_guess = table.predicted * (kind != "recall")
    whole = by_label + by_guess
    some = whole > 0
    over = np.divide(1.0, whole, out=np.zeros_like(whole), where=some)
    weights = table.present.astype(np.float64) if average == "macro" else table.actual
    total = np.maximum(weights.sum(axis=-1), 1.0)[..., None]
    share = weights / total
    slope = share * scores * over  # of each class's own margin
    gradient = np.zeros(table.matrix.shape)
    if kind != "precision":
        gradient -= slope[..., :, None]
    if kind != "recall":
        gradient -= slope[..., None, :]
    diagonal = share * over * (2.0 if kind == "f1" else 1.0)
    gradient += diagonal[..., None] * np.eye(len(table.classes))
    if average == "weighted":  # the weights are counts themselves
        mean = (share * scores).sum(axis=-1, keepdims=True)
        gradient += ((scores - mean) / total)[..., :, None]
    return table.error(gradient)


def averaged_interval(outcomes: Profile, kind: Literal["precision", "recall", "f1"], average: Average) -> Interval:
    """Return the interval of :func:`averaged_scores` by :func:`by_logit`; where it is 0 or 1, Wilson's over all rows."""
    value, error = averaged_scores(outcomes, kind, average), averaged_error(outcomes, kind, average)
    table = Confusion(outcomes)
    low, high = by_logit(value, error)
    edge_low, edge_high = wilson(value * table.rows, table.rows)
    certain = (value <= 0) | (value >= 1)
    return np.where(certain, edge_low, low), np.where(certain, edge_high, high)


def class_parts(
    outcomes: Profile, kind: Literal["precision", "recall", "specificity", "f1"], positive: str | None
) -> tuple[Values, Values]:
    """Return hits and rows of the share that a score of the positive class is: right among predicted, among actual, …

    For F1 these are of the Jaccard index J = hits / (actual + predicted - hits), of which F1 is 2 J / (1 + J).
    """
    table = Confusion(outcomes)
    hits, actual, predicted = table.of(positive)
    if kind == "precision":
        return hits, predicted
    if kind == "recall":
        return hits, actual
    if kind == "f1":
        return hits, actual + predicted - hits
    return table.rows - actual - predicted + hits, table.rows - actual


def class_score(outcomes: Profile, kind: Literal["precision", "recall"], positive: str | None) -> Values:
    """Return precision or recall: of the positive class, or averaged over the classes if it is None.

    As in scikit-learn with ``zero_division=0``: a class never predicted has precision 0, one that never occurs recall 0,
    and the average runs over the classes that occur as label or prediction. NaN for a window without rows.
    """
    if positive is None:
        return averaged_scores(outcomes, kind, "macro")
    value = np.nan_to_num(ratio(*class_parts(outcomes, kind, positive)))
    return np.where(Confusion(outcomes).rows > 0, value, np.nan)


def class_error(outcomes: Profile, kind: Literal["precision", "recall"], positive: str | None) -> Values:
    """Return the standard error of :func:`class_score`: of a share, or of an average by the delta method."""
    if positive is None:
        return averaged_error(outcomes, kind, "macro")
    return share_error(*class_parts(outcomes, kind, positive))


def class_interval(outcomes: Profile, kind: Literal["precision", "recall"], positive: str | None) -> Interval:
    """Return the interval of :func:`class_score`: Wilson's, or :func:`averaged_interval`."""
    if positive is None:
        return averaged_interval(outcomes, kind, "macro")
    return wilson(*class_parts(outcomes, kind, positive))
