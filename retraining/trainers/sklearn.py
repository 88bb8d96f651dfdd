"""Gradient-boosted trees of scikit-learn: categories, missing values and unseen categories without preparation."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils._param_validation import InvalidParameterError

from reference_data.schema import Column
from retraining.features import USABLE, prepare
from retraining.threads import threads_for
from retraining.types import FitResult, Params, Trainer, TrainingError, TrainRequest

#: A tree splits on at most this many categories of a column; rarer ones share one.
MOST_CATEGORIES = 255
#: Set here, so that a job can be repeated to the digit.
_OURS = frozenset({"random_state", "categorical_features", "verbose", "warm_start"})


def fit(request: TrainRequest) -> FitResult:
    """Fit histogram gradient boosting to the request's features.

    Categories are numbered by the training rows; unseen and missing ones go the way that missing values go, chosen at
    each split. Raises :class:`TrainingError` for parameters that are unknown or not allowed, for labels of fewer than
    two classes, and when no feature can be used.
    """
    features = tuple(column for column in request.features if column.type in USABLE)
    notes = [
        f"{column.name!r} is {column.type} and was left out: trees need numbers or categories"
        for column in request.features
        if column not in features
    ]
    if not features:
        raise TrainingError(
            "the model has no feature to train on; declare at least one that is " + ", ".join(sorted(USABLE))
        )
    regression = request.task == "regression"
    if not regression and len(np.unique(request.label)) < 2:
        raise TrainingError(
            f"every one of the {len(request.label)} labels is {request.label[0]!r}; a classifier needs two classes or more"
        )
    inputs = prepare(request.frame, features)
    notes += [
        f"{column.name!r} has {count} categories: the {MOST_CATEGORIES - 1} most frequent stand alone, the rest share one"
        for column in features
        if column.type == "categorical" and (count := inputs[column.name].nunique()) > MOST_CATEGORIES
    ]
    model = _model(
        regression=regression, params=request.params, seed=request.seed, n_categorical=_categorical(features)
    )
    pipeline = Pipeline([("encode", _encoder(features)), ("model", model)])
    try:
        with threads_for(len(inputs)):
            pipeline.fit(inputs, request.label.astype(np.float64) if regression else request.label.astype(str))
    except InvalidParameterError as error:
        raise TrainingError(f"retrain.params: {error}") from error
    return FitResult(pipeline, features, model.get_params(), tuple(notes))


def _categorical(features: tuple[Column, ...]) -> int:
    return sum(column.type == "categorical" for column in features)


def _encoder(features: tuple[Column, ...]) -> ColumnTransformer:
    """Categories first, numbered; the rest behind them, as they are."""
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )
    names = [column.name for column in features if column.type == "categorical"]
    return ColumnTransformer([("categories", ordinal, names)], remainder="passthrough", sparse_threshold=0.0)


def _model(*, regression: bool, params: Params, seed: int, n_categorical: int) -> Any:
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    allowed = sorted(kind().get_params().keys() - _OURS)
    unknown = sorted(params.keys() - set(allowed))
    if unknown:
        raise TrainingError(
            f"retrain.params {', '.join(map(repr, unknown))} cannot be set for the trainer 'sklearn'; "
            f"it takes {', '.join(allowed)}"
        )
    return kind(random_state=seed, categorical_features=list(range(n_categorical)), **params)


TRAINER = Trainer(
    name="sklearn",
    tasks=frozenset({"regression", "binary", "multiclass"}),
    summary="scikit-learn's histogram gradient boosting, on features as they are logged",
    fit=fit,
)
