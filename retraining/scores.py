"""The numbers a gate compares, from rows: exact, and by the names the monitors use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from reference_data.schema import Task
from retraining.calibration import brier, calibration_error
from retraining.types import Predictions
from retraining.validation import row_loss

BIAS, CALIBRATION = "absolute bias", "calibration error"
_TENTH, _POINTS = 0.1, 0.02


@dataclass(frozen=True, slots=True)
class Metric:
    """A number read off rows. ``allowance``: how much worse than this champion's value is tolerated.

    ``function`` takes label and predictions of the chosen rows; ``perfect`` is its value for a model without error.
    """

    name: str
    unit: str
    higher_is_better: bool
    allowed: str
    allowance: Callable[[float], float]
    function: Callable[[NDArray[Any], Predictions], float]
    perfect: float = 0.0

    def value(self, label: NDArray[Any], predictions: Predictions, rows: NDArray[np.intp]) -> float:
        """Return the metric on the rows at these positions; NaN where it is not defined."""
        scores = None if predictions.scores is None else predictions.scores[rows]
        return self.function(label[rows], Predictions(predictions.predicted[rows], scores, predictions.classes))


def metrics_for(task: Task, positive: str | None, unit: str, *, probabilities: bool) -> list[Metric]:
    """Return a task's metrics, the headline first.

    Regression: mean absolute error; binary: ROC AUC with ``probabilities``, else accuracy; multiclass: accuracy.
    """
    if task == "regression":
        return [
            _tenth("mean absolute error", unit, lambda label, found: float(row_loss(label, found).mean())),
            _tenth("absolute error, 90th percentile", unit, _ninetieth),
            _tenth(BIAS, unit, _absolute_bias, "worse by at most a tenth of the mean absolute error"),
        ]
    chosen = [_points("accuracy", lambda label, found: float((found.predicted == label).mean()))]
    if probabilities:
        chosen.append(_tenth("log loss", "nats", lambda label, found: float(row_loss(label, found).mean())))
        chosen += _calibration(positive if task == "binary" else None)
    if probabilities and task == "binary" and positive is not None:
        name = positive
        chosen.insert(0, _points("ROC AUC", lambda label, found: _auc(label, found, name)))
    return chosen


def plain(
    name: str,
    unit: str,
    higher_is_better: bool,  # noqa: FBT001
    function: Callable[[NDArray[Any], Predictions], float],
) -> Metric:
    """Return a metric that has no allowance of its own: a rule brings one."""
    return Metric(name, unit, higher_is_better, "", lambda _old: 0.0, function, perfect=float(higher_is_better))


def _calibration(positive: str | None) -> list[Metric]:
    """Whether probabilities come true: the Brier score, and the mean gap over ten even bins."""
    return [
        _tenth("Brier score", "", lambda label, found: brier(label, found, positive)),
        Metric(
            "calibration error", "share", False, "worse by at most 0.02", lambda _old: _POINTS,
            lambda label, found: calibration_error(label, found, positive),
        ),
    ]  # fmt: skip


def _tenth(
    name: str, unit: str, function: Callable[[NDArray[Any], Predictions], float], allowed: str = "worse by at most 10 %"
) -> Metric:
    return Metric(name, unit, False, allowed, lambda old: _TENTH * abs(old), function)


def _points(name: str, function: Callable[[NDArray[Any], Predictions], float]) -> Metric:
    return Metric(name, "share", True, "worse by at most 0.02", lambda _old: _POINTS, function, perfect=1.0)


def _ninetieth(label: NDArray[Any], found: Predictions) -> float:
    return float(np.percentile(row_loss(label, found), 90))


def _absolute_bias(label: NDArray[Any], found: Predictions) -> float:
    return abs(float((found.predicted - label.astype(np.float64)).mean()))


def _auc(label: NDArray[Any], found: Predictions, positive: str) -> float:
    """Area under the ROC curve, by ranks (Hanley and McNeil 1982); NaN where a class has no rows."""
    score = found.score_of(positive) if positive in found.classes else None
    hits = label == positive
    positives, negatives = int(hits.sum()), int((~hits).sum())
    if score is None or not positives or not negatives:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[hits].sum() - positives * (positives + 1) / 2) / (positives * negatives))
