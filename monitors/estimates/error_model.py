"""Losses of a regression, learned from inputs and prediction (direct loss estimation)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.estimates._relied import relied_on, worsening

Numbers = NDArray[np.float64]
_LARGEST = 1e150  # of a loss: beyond, squares have no number
_LEAST = 1e-9
_PARTS = 3  # in which rows are held out: each loss is learned once a part, which is most of the cost


@dataclass(frozen=True, slots=True, eq=False)
class ErrorModel:
    """Expected losses of rows by name.

    ``held_out``: of the reference's rows, each by a model that has not seen it. ``spread``: mean squared deviation of a loss from what was
    expected, by the mean square of the expected: how losses scatter grows with them. ``relied``: which inputs (inputs,) tell of the loss.
    """

    held_out: Mapping[str, Numbers]
    spread: Mapping[str, float]
    predict: Callable[[Numbers], dict[str, Numbers]]
    relied: NDArray[np.bool_]


def fit_errors(
    inputs: Numbers, nominal: list[bool], losses: Mapping[str, Numbers], fold: NDArray[np.intp]
) -> ErrorModel:
    """Learn each loss (n,), none below zero, from ``inputs`` (n, inputs), the prediction among them.

    ``fold``: which rows are held out together. Expected values are corrected by a factor, so that over the rows held out they are right
    in sum; NannyML evaluates its error model on the rows it was trained on, which looks better than it is.
    """
    held_out: dict[str, Numbers] = {}
    spread: dict[str, float] = {}
    models: dict[str, Callable[[Numbers], Numbers]] = {}
    worse: list[Numbers] = []
    part = fold % _PARTS
    for name, raw in losses.items():
        loss = np.minimum(raw, _LARGEST)
        found = np.zeros(len(loss))
        for held in np.unique(part):
            out = part == held
            model = _fitted(inputs[~out], nominal, loss[~out])
            found[out] = model(inputs[out])
            if not models:  # the first loss speaks for all
                worse.append(worsening(_deviance(model, loss[out]), inputs[out]))
        factor = float(loss.sum() / found.sum()) if found.sum() > 0 else 1.0
        held_out[name] = found * factor
        square = float((held_out[name] ** 2).mean())
        spread[name] = float(((loss - held_out[name]) ** 2).mean() / square) if square > 0 else 0.0
        models[name] = _times(_fitted(inputs, nominal, loss), factor)
    return ErrorModel(
        held_out, spread, lambda rows: {name: model(rows) for name, model in models.items()}, relied_on(worse)
    )


def _deviance(model: Callable[[Numbers], Numbers], loss: Numbers) -> Callable[[NDArray[np.intp], Numbers], Numbers]:
    """Return Poisson's deviance of rows, which the trees minimise."""

    def of(places: NDArray[np.intp], rows: Numbers) -> Numbers:
        mean = np.maximum(model(rows), 1e-300)
        return np.asarray(mean - loss[places] * np.log(mean))

    return of


def _times(model: Callable[[Numbers], Numbers], factor: float) -> Callable[[Numbers], Numbers]:
    return lambda rows: model(rows) * factor


def _fitted(inputs: Numbers, nominal: list[bool], loss: Numbers) -> Callable[[Numbers], Numbers]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    mean = float(loss.mean())
    if mean <= _LEAST * max(float(np.abs(loss).max()), _LEAST):  # nothing was ever lost
        return lambda rows: np.full(len(rows), mean)
    model: Any = HistGradientBoostingRegressor(
        loss="poisson", max_iter=50, learning_rate=0.12, max_leaf_nodes=16, min_samples_leaf=40, l2_regularization=1.0,
        early_stopping=False, categorical_features=nominal, random_state=0,
    )  # fmt: skip
    model.fit(inputs, loss / mean)
    return lambda rows: np.asarray(model.predict(rows)) * mean if len(rows) else np.zeros(0)
