"""scikit-learn: histogram gradient boosting, or whichever estimator, ensemble or own pipeline is declared."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError

from retraining.features import prepare
from retraining.pipelines import plan
from retraining.preprocessing import MOST_CATEGORIES, usable_features
from retraining.search import search
from retraining.threads import threads_for
from retraining.types import FitResult, Trainer, TrainingError, TrainRequest


def fit(request: TrainRequest) -> FitResult:
    """Fit what the request declares, with the best parameters of the search it declares.

    Without a declaration: histogram gradient boosting, where unseen and missing categories go the way that missing values
    go, chosen at each split. Raises :class:`TrainingError` for an estimator or parameters that are unknown or not allowed,
    for labels of fewer than two classes, and when no feature can be used.
    """
    if not request.training.search:
        return fit_with(request, {})
    chosen, table = search(request, fit_with)
    found = fit_with(request, chosen)
    words = ", ".join(f"{name} = {value}" for name, value in chosen.items())
    note = f"of {len(table)} combinations of parameters, {words} lost least on later rows"
    return FitResult(found.estimator, found.features, found.params, (*found.notes, note), {"search": table})


def fit_with(request: TrainRequest, extra: dict[str, Any]) -> FitResult:
    """Fit what the request declares, without its search, ``extra`` being more parameters; errors as of :func:`fit`."""
    features, notes = usable_features(request)
    inputs = prepare(request.frame, features)
    notes += [
        f"{column.name!r} has {count} categories: the {MOST_CATEGORIES - 1} most frequent stand alone, the rest share one"
        for column in features
        if column.type == "categorical"
        and (count := inputs[column.name].nunique()) > MOST_CATEGORIES
        and request.training.encoding != "target"
    ]
    planned = plan(request, features, extra)
    label = request.label.astype(np.float64 if request.task == "regression" else str)
    try:
        with threads_for(len(inputs)), warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ConvergenceWarning)
            fitted = planned.fit(inputs, label)
    except InvalidParameterError as error:
        raise TrainingError(f"retrain.params: {error}") from error
    notes += sorted(
        {str(warning.message).partition("\n")[0] for warning in told if warning.category is ConvergenceWarning}
    )
    params = {name: value for name, value in fitted[-1].get_params().items() if not hasattr(value, "get_params")}
    return FitResult(fitted, features, params, tuple(notes))


TRAINER = Trainer(
    name="sklearn",
    tasks=frozenset({"regression", "binary", "multiclass"}),
    summary="any estimator of scikit-learn; histogram gradient boosting, on features as they are logged, unless declared",
    fit=fit,
    weighs=True,
)
