"""Probabilities of labels: as the model scored them, calibrated on the reference, or learned from the inputs as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from monitors.estimates._relied import relied_on, worsening

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
Way = Literal["as scored", "calibrated", "with inputs"]
Predict = Callable[[Numbers | None, Numbers], Numbers]  # (scores, inputs) -> probabilities (n, classes)
Fit = Callable[[Places], Predict]
FOLDS = 5
_SURE = 2.0  # standard errors by which a way must be better than a simpler one
_TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LabelModel:
    """How likely each class is, given scores (n, classes) and inputs (n, inputs).

    ``held_out``: of the reference's rows, each by a model that has not seen it. ``better``: by how much its log loss there is lower than
    that of the scores as they are, and by how many standard errors. ``relied``: which inputs (inputs,) it looks at beside the scores.
    """

    way: Way
    held_out: Numbers
    predict: Predict
    better: tuple[float, float]
    relied: NDArray[np.bool_]


def fit_labels(
    scores: Numbers | None, inputs: Numbers, nominal: list[bool], label: Places, classes: int, fold: Places
) -> LabelModel:
    """Choose the simplest way whose probabilities no other beats beyond chance on rows held out, by log loss.

    ``scores``: (n, classes), None where none are logged; ``label``: place of each row's class; ``fold``: which rows are held out together
    (windows stay whole). Under covariate shift an estimate from scores alone is wrong just where inputs say more of the label than the
    scores do: that is what this choice measures. Raises :class:`ValueError` when there is nothing to go by.
    """
    ways: list[tuple[Way, Fit]] = []
    if scores is not None:
        held = scores
        ways += [
            ("as scored", lambda _rows: _as_scored),
            ("calibrated", lambda rows: isotonic(held[rows], label[rows], classes)),
        ]
    if inputs.shape[1]:
        ways.append(
            (
                "with inputs",
                lambda rows: _trees(
                    None if scores is None else scores[rows], inputs[rows], nominal, label[rows], classes
                ),
            )
        )
    if not ways:
        raise ValueError("neither scores nor inputs say anything of the label")
    found = [
        (way, *_cross_fitted(fit, scores, inputs, label, classes, fold, averaged=way == "with inputs"))
        for way, fit in ways
    ]
    losses = [_surprise(p, label) for _, p, _, _ in found]
    chosen = 0
    for at in range(1, len(found)):
        if _standard_errors(losses[chosen] - losses[at]) > _SURE:
            chosen = at
    way, held_out, predict, relied = found[chosen]
    gain = losses[0] - losses[chosen]
    return LabelModel(way, held_out, predict, (float(gain.mean()), _standard_errors(gain)), relied)


def isotonic(scores: Numbers, label: Places, classes: int) -> Predict:
    """Fit one monotone step function a class: Zadrozny and Elkan (2002), Transforming classifier scores into accurate probabilities."""
    from sklearn.isotonic import IsotonicRegression

    several = range(classes) if classes > 2 else (1,)
    maps: dict[int, Any] = {
        c: IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores[:, c], label == c) for c in several
    }

    def predict(held: Numbers | None, inputs: Numbers) -> Numbers:  # noqa: ARG001  ways share one signature
        assert held is not None
        if classes == 2:
            positive = np.asarray(maps[1].predict(held[:, 1]))
            return np.column_stack([1 - positive, positive])
        return _normed(np.column_stack([maps[c].predict(held[:, c]) for c in several]))

    return predict


def _surprise(p: Numbers, label: Places) -> Numbers:
    return np.asarray(-np.log(np.maximum(p[np.arange(len(label)), label], _TINY)))


def _standard_errors(difference: Numbers) -> float:
    error = float(difference.std() / np.sqrt(len(difference)))
    return float(difference.mean() / error) if error > 0 else 0.0


def _cross_fitted(
    fit: Fit, scores: Numbers | None, inputs: Numbers, label: Places, classes: int, fold: Places, *, averaged: bool
) -> tuple[Numbers, Predict, NDArray[np.bool_]]:
    """Return probabilities of rows held out, what predicts new ones (fitted on all, or the average of the folds' models), and which inputs
    it relies on.

    The average is then held against the rows held out once more: single models are too sure of themselves.
    """
    found, models, worse = np.zeros((len(label), classes)), [], []
    for held in np.unique(fold):
        out = np.flatnonzero(fold == held)
        predict = fit(np.flatnonzero(fold != held))
        found[out] = predict(None if scores is None else scores[out], inputs[out])
        models.append(predict)
        if averaged:
            worse.append(
                worsening(_surprise_of(predict, None if scores is None else scores[out], label[out]), inputs[out])
            )
    if not averaged:
        return found, fit(np.arange(len(label))), np.zeros(inputs.shape[1], dtype=bool)
    again = _recalibrated(found, scores, label, classes)

    def averaged_models(held: Numbers | None, rows: Numbers) -> Numbers:
        return again(_normed(np.exp(np.mean([np.log(model(held, rows) + _TINY) for model in models], axis=0))), held)

    return again(found, scores), averaged_models, relied_on(worse)


def _surprise_of(predict: Predict, scores: Numbers | None, label: Places) -> Callable[[Places, Numbers], Numbers]:
    return lambda places, rows: _surprise(predict(None if scores is None else scores[places], rows), label[places])


def _recalibrated(
    p: Numbers, scores: Numbers | None, label: Places, classes: int
) -> Callable[[Numbers, Numbers | None], Numbers]:
    """Fit a logistic regression on log odds: Platt (1999), Probabilistic outputs for support vector machines.

    The scores are in it too, so that labels and probabilities agree along them, as metrics of the scores need; trees alone do not see to that.
    """
    from sklearn.linear_model import LogisticRegression

    def beside(held: Numbers, own: Numbers | None) -> Numbers:
        logits = log_odds(held, classes)
        return logits if own is None else np.hstack([logits, log_odds(own, classes), own[:, 1:]])

    model: Any = LogisticRegression(C=10.0, max_iter=500).fit(beside(p, scores), label)
    known = model.classes_.astype(np.intp)

    def again(held: Numbers, own: Numbers | None) -> Numbers:
        full = np.full((len(held), classes), _TINY)
        full[:, known] = model.predict_proba(beside(held, own))
        return _normed(full)

    return again


def _as_scored(scores: Numbers | None, inputs: Numbers) -> Numbers:  # noqa: ARG001
    assert scores is not None
    return _normed(scores)


def _trees(scores: Numbers | None, inputs: Numbers, nominal: list[bool], label: Places, classes: int) -> Predict:
    from sklearn.ensemble import HistGradientBoostingClassifier

    beside = 0 if scores is None else log_odds(scores[:1], classes).shape[1]
    model: Any = HistGradientBoostingClassifier(
        max_iter=40, learning_rate=0.12, max_leaf_nodes=12, min_samples_leaf=40, l2_regularization=5.0, early_stopping=False,
        categorical_features=[*nominal, *[False] * beside], random_state=0,
    )  # fmt: skip
    model.fit(inputs if scores is None else np.hstack([inputs, log_odds(scores, classes)]), label)
    known = model.classes_.astype(np.intp)

    def predict(held: Numbers | None, rows: Numbers) -> Numbers:
        found = np.full((len(rows), classes), _TINY)
        if len(rows):
            found[:, known] = model.predict_proba(rows if held is None else np.hstack([rows, log_odds(held, classes)]))
        return _normed(found)

    return predict


def log_odds(p: Numbers, classes: int) -> Numbers:
    """Return log odds of probabilities (n, classes): one column for two classes, else one a class."""
    held = np.clip(p if classes > 2 else p[:, 1:], _TINY, 1 - _TINY)
    return np.asarray(np.log(held) - np.log1p(-held))


def _normed(p: Numbers) -> Numbers:
    held = np.clip(p, 0.0, 1.0)
    total = held.sum(axis=1, keepdims=True)
    return np.where(total > 0, held / np.where(total > 0, total, 1.0), 1 / p.shape[1])
