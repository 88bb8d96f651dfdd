"""Losses of a regression, learned from inputs and prediction (direct loss estimation)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.estimates._edges import OUTERMOST, Growth, edges_of, growth_of, peeled
from monitors.estimates._relied import relied_on, worsening

Numbers = NDArray[np.float64]
Predict = Callable[[Numbers], Numbers]
Fitted = Mapping[int, tuple[Predict, Predict]]  # by part: the mean of both kinds of trees, and the small ones
_LARGEST = 1e150  # of a loss: beyond, squares have no number
_LEAST = 1e-9
_PARTS = 3  # in which rows are held out: each loss is learned once a part, which is most of the cost
EXTRAPOLATED = 0.5  # assumed standard deviation of what is said of rows beyond what was learned from, relative to it
_LARGE = {"max_iter": 40, "learning_rate": 0.15, "max_leaf_nodes": 31}
_SMALL = {
    "loss": "poisson", "max_iter": 50, "learning_rate": 0.12, "max_leaf_nodes": 16, "min_samples_leaf": 40, "l2_regularization": 1.0
}  # fmt: skip
_POWER = {"mae": 1.0, "mse": 2.0}  # how a loss grows where errors grow; a relative error may, or its label


@dataclass(frozen=True, slots=True, eq=False)
class ErrorModel:
    """Expected losses of rows by name.

    ``held_out``: of the reference's rows, each by a model that has not seen it. ``spread``: mean squared deviation of a loss from what was
    expected, by the mean square of the expected: how losses scatter grows with them. ``relied``: which inputs (inputs,) tell of the loss.
    ``growth``: of errors past the edges of the reference; ``usual``: what part of each loss is there for that in the reference itself.
    """

    held_out: Mapping[str, Numbers]
    spread: Mapping[str, float]
    predict: Callable[[Numbers], dict[str, Numbers]]
    relied: NDArray[np.bool_]
    growth: Growth
    usual: Mapping[str, float]

    def doubt(self, inputs: Numbers, expected: Mapping[str, Numbers]) -> dict[str, float]:
        """Return the standard deviation of each mean expected loss that comes of rows (n, inputs) past the edges, beyond what is usual.

        Beside the standard error of what they grow by, how losses go on there is assumed to be as sure as EXTRAPOLATED says: the growth, and,
        of rows farther out than any that it was measured by, all of the loss.
        """
        farther = self.growth.farther(inputs)
        found = {}
        for name, held in expected.items():
            mean = float(held.mean())
            added = _past(held, _grown(self.growth, name, inputs)) - self.usual[name] * mean
            error = _POWER.get(name, 0.0) * self.growth.unsure(inputs, held) * mean
            found[name] = float(np.sqrt(error**2 + EXTRAPOLATED**2 * (added**2 + (farther * mean) ** 2)))
        return found


def fit_errors(
    inputs: Numbers, nominal: list[bool], losses: Mapping[str, Numbers], fold: NDArray[np.intp]
) -> ErrorModel:
    """Learn each loss (n,), none below zero, from ``inputs`` (n, inputs), the prediction among them.

    ``fold``: which rows are held out together. Expected values are corrected by a factor, so that over the rows held out they are right
    in sum; NannyML evaluates its error model on the rows it was trained on, which looks better than it is.
    """
    part = fold % _PARTS
    cut = {name: np.minimum(raw, _LARGEST) for name, raw in losses.items()}
    fitted = {name: _cross_fitted(inputs, nominal, loss, part) for name, loss in cut.items()}
    first = next(iter(cut))  # speaks for all
    relied = _relied(fitted[first][1], inputs, cut[first], part)
    growth = _growth(inputs, nominal, cut[first], part, relied)
    held_out: dict[str, Numbers] = {}
    spread: dict[str, float] = {}
    usual: dict[str, float] = {}
    predict: dict[str, Predict] = {}
    for name, loss in cut.items():
        found, models = fitted[name]
        grown = _grown(growth, name, inputs)
        found = found * grown
        factor = float(loss.sum() / found.sum()) if found.sum() > 0 else 1.0
        held_out[name] = found * factor
        square = float((held_out[name] ** 2).mean())
        spread[name] = float(((loss - held_out[name]) ** 2).mean() / square) if square > 0 else 0.0
        usual[name] = _past(held_out[name], grown) / max(float(held_out[name].mean()), 1e-300)
        predict[name] = _averaged([both for both, _ in models.values()], growth, name, factor)
    return ErrorModel(
        held_out, spread, lambda rows: {name: model(rows) for name, model in predict.items()}, relied, growth, usual
    )


def _cross_fitted(
    inputs: Numbers, nominal: list[bool], loss: Numbers, part: NDArray[np.intp]
) -> tuple[Numbers, Fitted]:
    """Return what is expected of each row by a model that has not seen it, and the models by the part they have not seen.

    Each is the mean of two: large trees by squares, which follow what the losses turn on, and small ones by Poisson's deviance, which a few
    huge losses mislead less. Which is better depends on the losses; their mean is never far from the better one.
    """
    found, models = np.zeros(len(loss)), {}
    for held in np.unique(part):
        out = part == held
        large, small = (_fitted(inputs[~out], nominal, loss[~out], **way) for way in (_LARGE, _SMALL))
        models[int(held)] = (_mean_of([large, small]), small)
        found[out] = models[int(held)][0](inputs[out])
    return found, models


def _mean_of(models: Sequence[Predict]) -> Predict:
    return lambda rows: np.mean([model(rows) for model in models], axis=0)


def _averaged(models: list[Predict], growth: Growth, name: str, factor: float) -> Predict:
    """Average models of different rows: it scatters less than one model of all (Breiman 1996, Bagging predictors)."""
    return lambda rows: _mean_of(models)(rows) * _grown(growth, name, rows) * factor


def _growth(
    inputs: Numbers, nominal: list[bool], loss: Numbers, part: NDArray[np.intp], relied: NDArray[np.bool_]
) -> Growth:
    """Measure how errors grow past the edges, by peeling: rows within inner edges are learned from, those past them tell how it misses."""
    outermost = edges_of(inputs, nominal, relied, OUTERMOST)
    distances = edges_of(inputs, nominal, relied, peeled(len(outermost.at))).past(inputs)
    within = distances.sum(axis=1) == 0
    models = _cross_fitted(inputs[within], nominal, loss[within], part[within])[1].values()
    return growth_of(loss, _mean_of([both for both, _ in models])(inputs), distances, outermost)


def _grown(growth: Growth, name: str, inputs: Numbers) -> Numbers:
    return np.asarray(growth(inputs) ** _POWER.get(name, 0.0))


def _past(expected: Numbers, grown: Numbers) -> float:
    """Return what part of the mean expected loss is there because rows lie past the edges."""
    return float((expected * (1 - 1 / grown)).mean())


def _relied(models: Fitted, inputs: Numbers, loss: Numbers, part: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which inputs (inputs,) the loss turns on: by the small trees, for large ones turn on noise as well."""
    return relied_on(
        [worsening(_deviance(small, loss[part == held]), inputs[part == held]) for held, (_, small) in models.items()]
    )


def _deviance(model: Predict, loss: Numbers) -> Callable[[NDArray[np.intp], Numbers], Numbers]:
    """Return Poisson's deviance of rows, which those trees minimise."""

    def of(places: NDArray[np.intp], rows: Numbers) -> Numbers:
        mean = np.maximum(model(rows), 1e-300)
        return np.asarray(mean - loss[places] * np.log(mean))

    return of


def _fitted(inputs: Numbers, nominal: list[bool], target: Numbers, **settings: Any) -> Predict:
    from sklearn.ensemble import HistGradientBoostingRegressor

    mean = float(target.mean())
    if mean <= _LEAST * max(float(np.abs(target).max()), _LEAST):  # nothing was ever lost
        return lambda rows: np.full(len(rows), mean)
    model: Any = HistGradientBoostingRegressor(
        **settings, early_stopping=False, categorical_features=nominal, random_state=0
    )
    model.fit(inputs, target / mean)
    return lambda rows: np.maximum(model.predict(rows), 0.0) * mean if len(rows) else np.zeros(0)
