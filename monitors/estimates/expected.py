"""Metrics of rows whose labels are known as probabilities only: what is to be expected, and how far chance may lead from it.

Each metric is a function of the labels; with its gradient h at the expected ones, the realised value differs from the expected by the sum
of h_i (y_i - p_i), whose variance is the sum of h_i² p_i (1 - p_i): the delta method, van der Vaart (1998), Asymptotic Statistics,
chapter 3. The rows, predictions and scores are taken as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
_AVERAGES = {
    "f1": ("f1", "f1_macro"),
    "precision": ("precision", "precision_macro"),
    "recall": ("recall", "recall_macro", "balanced_accuracy"),
    "balanced_accuracy": (),  # of several classes it is the mean recall
    "roc_auc": ("roc_auc_ovr",),
}  # what the mean of a class's metric over classes is called
_TINY = 2.0**-52  # probabilities are clipped as the realised log loss clips them


@dataclass(frozen=True, slots=True)
class Expected:
    """A metric to come: its value, and its standard deviation by the chance of ``n`` labels alone."""

    value: float
    sd: float


def two_classes(p: Numbers, predicted: Flags, score: Numbers | None) -> dict[str, Expected]:
    """Return the metrics of a binary task: ``p`` probability of the positive class, ``predicted`` whether it was predicted, shape (n,).

    Those that need ``score`` are left out without one; NaN for what the rows leave undefined.
    """
    chance = p * (1 - p)
    found = {name: _of(value, h, chance) for name, (value, h) in _one_class(p, predicted, score).items()}
    n = len(p)
    found["accuracy"] = _of(float(np.where(predicted, p, 1 - p).mean()), np.where(predicted, 1.0, -1.0) / n, chance)
    if score is not None:
        held = np.clip(score, _TINY, 1 - _TINY)
        yes, no = -np.log(held), -np.log1p(-held)
        found["log_loss"] = _of(float((p * yes + (1 - p) * no).mean()), (yes - no) / n, chance)
        brier = float((p * (1 - score) ** 2 + (1 - p) * score**2).mean())
        found["brier"] = _of(brier, (1 - 2 * score) / n, chance)
    return found


def several_classes(p: Numbers, predicted: NDArray[np.intp], scores: Numbers | None) -> dict[str, Expected]:
    """Return the metrics of a multiclass task: ``p`` and ``scores`` of shape (n, classes), ``predicted`` the place of a class.

    Averages run over the classes that are predicted or expected at all.
    """
    n, classes = p.shape
    rows = np.arange(n)
    right = p[rows, predicted]
    found = {"accuracy": Expected(float(right.mean()), float(np.sqrt((right * (1 - right)).sum()) / n))}
    each = [_one_class(p[:, c], predicted == c, None if scores is None else scores[:, c]) for c in range(classes)]
    present = [c for c in range(classes) if p[:, c].sum() >= 0.5 or bool((predicted == c).any())]
    for name in each[0]:
        gradient = np.zeros((n, classes))
        for c in present:
            gradient[:, c] = each[c][name][1] / len(present)
        value = float(np.mean([each[c][name][0] for c in present])) if present else float("nan")
        found |= dict.fromkeys(_AVERAGES.get(name, (name,)), Expected(value, _chance_of_classes(gradient, p)))
    if scores is not None:
        surprise = -np.log(np.clip(scores, _TINY, 1 - _TINY))
        found["log_loss"] = Expected(float((p * surprise).sum(axis=1).mean()), _chance_of_classes(surprise / n, p))
    return found


def mean_losses(losses: Mapping[str, Numbers], spread: Mapping[str, float]) -> dict[str, Expected]:
    """Return the means of expected losses of shape (n,); ``spread`` is the variance of a loss by its square, in the reference.

    With a ``mse``, its root is ``rmse``.
    """
    found = {
        name: Expected(float(loss.mean()), float(np.sqrt(spread[name] * (loss**2).sum()) / len(loss)))
        for name, loss in losses.items()
    }
    if "mse" in found:
        root = float(np.sqrt(max(found["mse"].value, 0.0)))
        found["rmse"] = Expected(root, found["mse"].sd / (2 * root) if root > 0 else 0.0)
    return found


def _one_class(p: Numbers, predicted: Flags, score: Numbers | None) -> dict[str, tuple[float, Numbers]]:
    """Return each metric of one class against the rest, with its gradient by the labels; 0 where nothing is predicted, as in scikit-learn."""
    d = predicted.astype(np.float64)
    hits, said, there = float((p * d).sum()), float(d.sum()), float(p.sum())
    absent = len(p) - there
    precision, recall = _by(hits, said), _by(hits, there)
    f1 = _by(2 * hits, said + there)
    spared = _by(float(((1 - p) * (1 - d)).sum()), absent)
    h_recall = (d - recall) / there if there else np.zeros(len(p))
    h_spared = (spared - (1 - d)) / absent if absent else np.zeros(len(p))
    found = {
        "precision": (precision, d / said if said else np.zeros(len(p))),
        "recall": (recall, h_recall),
        "f1": (f1, (2 * d - f1) / (said + there) if said + there else np.zeros(len(p))),
        "specificity": (spared, h_spared),
        "balanced_accuracy": ((recall + spared) / 2, (h_recall + h_spared) / 2),
    }
    return found if score is None else found | {"roc_auc": _area(p, score, there, absent)}


def _area(p: Numbers, score: Numbers, there: float, absent: float) -> tuple[float, Numbers]:
    """Return the area under the ROC curve and its gradient: pairs weighted by the probability that they are one of each class."""
    if there <= 0 or absent <= 0:
        return float("nan"), np.full(len(p), np.nan)
    _, place = np.unique(score, return_inverse=True)
    yes, no = np.bincount(place, weights=p), np.bincount(place, weights=1 - p)
    below, above = np.cumsum(no) - no / 2, there - np.cumsum(yes) + yes / 2  # equal scores count half
    area = float((yes * below).sum() / (there * absent))
    h = (below - above)[place] / (there * absent) - area / there + area / absent
    return area, h


def _of(value: float, gradient: Numbers, chance: Numbers) -> Expected:
    return Expected(value, float(np.sqrt((gradient**2 * chance).sum())))


def _chance_of_classes(gradient: Numbers, p: Numbers) -> float:
    mean = (gradient * p).sum(axis=1)
    return float(np.sqrt(np.maximum((gradient**2 * p).sum(axis=1) - mean**2, 0.0).sum()))


def _by(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
