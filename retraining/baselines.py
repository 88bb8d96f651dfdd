"""What a model must beat to be worth anything: answers that need no model, and a linear one, on rows that none has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_data.training import Retrain
from retraining.fitted import FittedModel
from retraining.types import FitResult, Predictions, TrainRequest
from retraining.validation import row_loss

#: Rows beyond so many are thinned, evenly over time: what a baseline is worth shows on fewer.
MOST_ROWS = 100_000
#: What two of them are called.
LATEST, LINEAR = "always the latest label", "a linear model"
_LINEAR = {True: "sklearn.linear_model.Ridge", False: "sklearn.linear_model.LogisticRegression"}


def constant(label: NDArray[Any], n: int) -> tuple[Predictions, str]:
    """Return n answers of a model that knows no feature, and what it answers, in words.

    The median; or the most frequent class, with the classes' shares.
    """
    if label.dtype != object:
        middle = float(np.median(label))
        return Predictions(np.full(n, middle)), f"always {middle:.4g}, the training rows' median"
    classes, counts = np.unique(label.astype(str), return_counts=True)
    most = str(classes[counts.argmax()])
    shares = np.tile(counts / counts.sum(), (n, 1))
    predicted = np.full(n, most, dtype=object)
    return Predictions(predicted, shares, tuple(map(str, classes))), f"always {most!r}, the most frequent class"


def last_value(label: NDArray[Any], n: int) -> Predictions:
    """Return n times the latest label of the training rows."""
    return Predictions(np.full(n, label[-1], dtype=label.dtype))


def linear(training: TrainRequest) -> FitResult:
    """Fit a linear model (ridge or logistic regression) to one-hot categories and standardised numbers."""
    from retraining.trainers.sklearn import fit_with

    plain = Retrain(estimator=_LINEAR[training.task == "regression"], encoding="one_hot")
    rows = np.unique(np.linspace(0, len(training.label) - 1, min(len(training.label), MOST_ROWS)).astype(np.intp))
    part = training.part(rows)
    if training.task != "regression":
        part = replace(part, label=part.label.astype(str).astype(object))
    params: dict[str, Any] = {} if training.task == "regression" else {"max_iter": 1000}
    return fit_with(replace(part, training=plain, params=params), {})


def answers(training: TrainRequest, judged: TrainRequest) -> dict[str, Predictions]:
    """Return what baselines that learn from ``training`` answer to the rows of ``judged``, by what they are in words."""
    n = len(judged.label)
    found, words = constant(training.label, n)
    given = {words: found}
    if training.task == "regression":  # of a class, its share says more than the last row's
        given[LATEST] = last_value(training.label, n)
    fitted = linear(training)
    given[LINEAR] = FittedModel(fitted.estimator, fitted.features, training.task).predict(judged.frame)
    return given


def compare(judged: TrainRequest, found: Predictions, given: Mapping[str, Predictions]) -> dict[str, Any]:
    """Hold a model's answers ``found`` for the rows of ``judged`` against those of baselines (:func:`answers`).

    Returns ``loss`` (what it is, in words), ``model`` (the model's mean loss), ``baselines`` (list of ``name``, ``loss``),
    ``beats_all`` and ``sentence``. The loss is that of :func:`retraining.validation.row_loss`.
    """
    if found.scores is None:  # compared in what it gives: classes alone
        given = {name: Predictions(one.predicted) for name, one in given.items()}
    name = _loss_name(judged.task, found)
    own = float(row_loss(judged.label, found).mean())
    table = [{"name": each, "loss": float(row_loss(judged.label, one).mean())} for each, one in given.items()]
    better = [line for line in table if float(str(line["loss"])) <= own]
    return {
        "loss": name,
        "model": own,
        "baselines": table,
        "beats_all": not better,
        "sentence": _sentence(own, better, table, name),
    }


def _loss_name(task: str, found: Predictions) -> str:
    if task == "regression":
        return "mean absolute error"
    return "share of wrong classes" if found.scores is None else "log loss"


def _sentence(own: float, better: list[dict[str, Any]], table: list[dict[str, Any]], name: str) -> str:
    if better:
        words = ", ".join(f"{line['name']} ({line['loss']:.4g})" for line in better)
        return f"the model ({name} {own:.4g}) does not beat {words} on rows that neither has seen"
    best = min(table, key=lambda line: float(line["loss"]))
    return f"the model's {name} of {own:.4g} beats every baseline; the best is {best['name']} ({best['loss']:.4g})"
