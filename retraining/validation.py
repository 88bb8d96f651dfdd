"""Honest numbers about a model from its own training rows: predictions out of fold, and what each feature is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retraining.fitted import FittedModel
from retraining.types import FitResult, Predictions, TrainingError, TrainRequest

_LEAST_PROBABILITY = 1e-15  # as scikit-learn clips


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Predictions of each row by a model that did not see its stretch of time.

    ``fold`` numbers the stretches, shape (n,). ``last`` is the model that has not seen the latest of them.
    """

    predictions: Predictions
    fold: NDArray[np.int64]
    last: FittedModel


def time_blocks(times: pd.DatetimeIndex, folds: int, timezone: str) -> NDArray[np.int64]:
    """Number n ascending aware times by ``folds`` contiguous stretches of about equally many rows.

    Stretches begin at midnight in ``timezone``, so that rows of one day, which resemble each other, stay together;
    where the days are too few, at any row. Raises :class:`TrainingError` for fewer rows than folds.
    """
    if len(times) < folds:
        raise TrainingError(f"{len(times)} labelled rows cannot be split into {folds} stretches; widen the period")
    days, sizes = np.unique(times.tz_convert(timezone).date, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    by_day = (middle * folds / len(times)).astype(np.int64)
    if len(days) >= folds and len(np.unique(by_day)) == folds:
        return np.repeat(by_day, sizes)
    return np.arange(len(times), dtype=np.int64) * folds // len(times)


def out_of_fold(
    request: TrainRequest,
    fit: Callable[[TrainRequest], FitResult],
    folds: int = 5,
    report: Callable[[int], None] = lambda _done: None,
) -> OutOfFold:
    """Predict every row of ``request`` by a model fitted to the other stretches of time (blocked cross-validation:
    Roberts et al. 2017, Ecography 40, 913-929).

    Classes are those of all labels; one that a fold's rows lack has probability 0 there. ``report`` is told how many
    folds are done. Raises :class:`TrainingError` as ``fit`` and :func:`time_blocks` do.
    """
    fold = time_blocks(request.times, folds, request.timezone)
    regression = request.task == "regression"
    classes = () if regression else tuple(sorted(set(map(str, request.label))))
    values = np.empty(len(fold), dtype=np.float64 if regression else object)
    scores = None if regression else np.zeros((len(fold), len(classes)))
    for number in range(folds):
        held = np.flatnonzero(fold == number)
        fitted = fit(request.part(np.flatnonzero(fold != number)))
        model = FittedModel(fitted.estimator, fitted.features, request.task)
        found = model.predict(request.frame.iloc[held])
        values[held] = found.predicted
        if scores is not None:
            scores = None if found.scores is None else _placed(scores, held, found, classes)
        report(number + 1)
    return OutOfFold(Predictions(values, scores, classes), fold, model)


def _placed(
    scores: NDArray[np.float64], rows: NDArray[np.intp], found: Predictions, classes: tuple[str, ...]
) -> NDArray[np.float64]:
    if found.scores is not None:
        columns = np.array([classes.index(label) for label in found.classes])
        scores[rows[:, np.newaxis], columns] = found.scores
    return scores


def row_loss(label: NDArray[Any], predictions: Predictions) -> NDArray[np.float64]:
    """Return what each row's prediction costs, shape (n,).

    Regression: the absolute error. Classification: minus the natural logarithm of the probability given to the label
    (clipped to 1e-15), or without scores 1 for a wrong class and 0 for the right one.
    """
    if predictions.predicted.dtype != object:
        return np.asarray(np.abs(predictions.predicted - label.astype(np.float64)), dtype=np.float64)
    if predictions.scores is None:
        return np.asarray(predictions.predicted != label, dtype=np.float64)
    place = {name: number for number, name in enumerate(predictions.classes)}
    column = np.array([place.get(str(name), -1) for name in label])
    given = predictions.scores[np.arange(len(label)), column]
    given = np.where(column < 0, 0.0, given)
    return np.asarray(-np.log(np.clip(given, _LEAST_PROBABILITY, 1.0)))


def importance(model: FittedModel, held: TrainRequest, *, repeats: int = 3, most_rows: int = 5000) -> dict[str, float]:
    """Return each feature's share of the loss that the model is spared by knowing it; the shares sum to 1.

    Permutation importance (Breiman 2001, "Random Forests"; Fisher, Rudin and Dominici 2019) on rows the model has not
    seen: the mean rise of :func:`row_loss` when one column is shuffled, falls counted as 0. Features the model does not
    take have 0; when no column matters all are alike.
    """
    rng = np.random.default_rng(held.seed)
    if len(held.label) > most_rows:
        held = held.part(np.sort(rng.choice(len(held.label), most_rows, replace=False)))
    base = row_loss(held.label, model.predict(held.frame)).mean()
    used = {column.name for column in model.features}
    rise = dict.fromkeys((column.name for column in held.features), 0.0)
    for name in rise:
        if name in used:
            rise[name] = max(0.0, _shuffled_loss(model, held, name, rng, repeats) - float(base))
    total = sum(rise.values())
    return {name: value / total if total > 0 else 1 / len(rise) for name, value in rise.items()}


def _shuffled_loss(model: FittedModel, held: TrainRequest, name: str, rng: np.random.Generator, repeats: int) -> float:
    losses = []
    for _ in range(repeats):
        shuffled = held.frame.assign(**{name: held.frame[name].to_numpy()[rng.permutation(len(held.label))]})
        losses.append(row_loss(held.label, model.predict(shuffled)).mean())
    return float(np.mean(losses))
