"""Metrics that a rule of the gate (``retrain.must``) may name, by the names the monitors use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_data.schema import Task
from retraining.scores import Metric, metrics_for, plain
from retraining.types import Predictions

_STANDING = {
    "mean absolute error": "mae",
    "absolute error, 90th percentile": "absolute_error_p90",
    "absolute bias": "bias",
    "ROC AUC": "roc_auc",
    "accuracy": "accuracy",
    "log loss": "log_loss",
    "Brier score": "brier",
    "calibration error": "ece",
}


def rule_metrics(task: Task, positive: str | None, unit: str) -> dict[str, Metric]:
    """Return the metrics of a task by name: those that are in every gate, and more that are in one by a rule only."""
    found = {_STANDING[metric.name]: metric for metric in metrics_for(task, positive, unit, probabilities=True)}
    if task == "regression":
        return found | {
            "rmse": plain("root mean squared error", unit, False, _rmse),
            "median_absolute_error": plain(
                "median absolute error", unit, False, lambda label, given: float(np.median(_errors(label, given)))
            ),
        }
    found["balanced_accuracy"] = plain("balanced accuracy", "share", True, _balanced)
    if task == "binary":
        name = positive or ""
        more: dict[str, Callable[[NDArray[Any], Predictions], float]] = {
            "precision": lambda label, given: _ratio((label == name) & (given.predicted == name), given.predicted == name),
            "recall": lambda label, given: _ratio((label == name) & (given.predicted == name), label == name),
            "f1": lambda label, given: _f1(label == name, given.predicted == name),
        }  # fmt: skip
        found |= {key: plain(key.replace("f1", "F1 score"), "share", True, function) for key, function in more.items()}
    return found


def rule_metric_names(task: Task) -> list[str]:
    """Return the names that ``retrain.must`` may use for a task."""
    return [] if task == "none" else sorted(rule_metrics(task, "", ""))


def _errors(label: NDArray[Any], found: Predictions) -> NDArray[np.float64]:
    return np.asarray(np.abs(found.predicted - label.astype(np.float64)), dtype=np.float64)


def _rmse(label: NDArray[Any], found: Predictions) -> float:
    return float(np.sqrt((_errors(label, found) ** 2).mean()))


def _ratio(hits: NDArray[Any], among: NDArray[Any]) -> float:
    """Return the share of hits; NaN where there is nothing to hit."""
    count = int(among.sum())
    return int(hits.sum()) / count if count else float("nan")


def _f1(label: NDArray[Any], predicted: NDArray[Any]) -> float:
    both = int(label.sum()) + int(predicted.sum())
    return 2 * int((label & predicted).sum()) / both if both else float("nan")


def _balanced(label: NDArray[Any], found: Predictions) -> float:
    """Return the mean recall of the classes that the labels have."""
    return float(np.mean([_ratio((label == name) & (found.predicted == name), label == name) for name in np.unique(label.astype(str))]))  # fmt: skip
