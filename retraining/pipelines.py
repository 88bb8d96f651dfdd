"""From a declaration to a pipeline that can be fitted: preparation, estimator or ensemble, weights of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from reference_data.schema import Column
from reference_data.training import Ensemble
from retraining.ageing import age_weights
from retraining.estimators import configured, make
from retraining.preprocessing import MOST_CATEGORIES, Needs, preprocessor
from retraining.types import TrainingError, TrainRequest

#: What is fitted when nothing is declared, by whether the task is regression.
_DEFAULT = {True: HistGradientBoostingRegressor, False: HistGradientBoostingClassifier}
_BOOSTED = {True: "sklearn.tree.DecisionTreeRegressor", False: "sklearn.tree.DecisionTreeClassifier"}
_STRETCHES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A pipeline that can be fitted with ``model__sample_weight`` if ``weighted`` (classes count alike) or ``weights`` (of n rows) are given."""

    pipeline: Pipeline
    weighted: bool
    weights: NDArray[np.float64] | None = None

    def fit(self, inputs: Any, label: NDArray[Any]) -> Any:
        """Fit the pipeline to prepared inputs; returns it."""
        weights = self.weights
        if self.weighted:
            weights = compute_sample_weight("balanced", label) * (1.0 if weights is None else weights)
        extra = {} if weights is None else {"model__sample_weight": weights}
        return self.pipeline.fit(inputs, label, **extra)


def plan(request: TrainRequest, features: Sequence[Column], extra: Mapping[str, Any] | None = None) -> Plan:
    """Return the pipeline that the request declares; ``extra`` are more parameters of its estimator.

    Raises :class:`TrainingError` for whatever of the declaration cannot be.
    """
    declared, regression = request.training, request.task == "regression"
    params = {**request.params, **(extra or {})}
    ensemble = declared.ensemble
    if ensemble is not None and ensemble.members:
        if params:
            raise TrainingError(
                f"retrain.params {', '.join(map(repr, params))} belong to no member: "
                "write { estimator = …, params = { … } } among ensemble.members"
            )
        parts = [make(m.estimator, m.params, request.task, request.seed, request.folder) for m in ensemble.members]
        own = all(":" in member.estimator for member in ensemble.members)
    else:
        parts, own = [base(request, params)], ":" in (declared.estimator or "")
    boosting = ensemble is not None and ensemble.kind == "boosting"  # refuses missing values, whatever it boosts
    native = not boosting and declared.encoding in {None, "ordinal"}
    native = native and all(isinstance(part, _DEFAULT[regression]) for part in parts)
    if native:
        count = sum(column.type == "categorical" for column in features)
        for part in parts:
            part.set_params(categorical_features=list(range(count)))
    weighted = _balanced(request, parts)
    model = parts[0] if ensemble is None else _ensemble(ensemble, parts, request, weighted=weighted)
    if weighted and not has_fit_parameter(model, "sample_weight"):
        raise TrainingError(
            f"retrain.balance: {type(model).__name__} takes no weights of rows; choose another estimator or leave it out"
        )
    unable = [type(part).__name__ for part in (model, *parts) if not has_fit_parameter(part, "sample_weight")]
    if declared.half_life is not None and unable:
        raise TrainingError(
            f"retrain.half_life: {unable[0]} takes no weights of rows; choose another estimator, or leave half_life out"
        )
    steps: list[tuple[str, Any]] = [("model", model)]
    if native:
        steps.insert(0, ("encode", numbered(features)))
    elif not own or declared.encoding is not None:
        needs = Needs.of(parts)
        needs = replace(needs, impute=needs.impute or boosting)
        steps.insert(0, ("encode", _prepared(request, features, needs)))
    return Plan(Pipeline(steps), weighted, age_weights(request.times, declared.half_life))


def _prepared(request: TrainRequest, features: Sequence[Column], needs: Needs) -> Any:
    encoding = request.training.encoding or ("ordinal" if needs.trees else "one_hot")
    return preprocessor(features, encoding, needs, request.task, request.seed)


def numbered(features: Sequence[Column]) -> ColumnTransformer:
    """Categories first, numbered, missing and unseen ones NaN; the rest behind them, as they are: for histogram boosting."""
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )
    names = [column.name for column in features if column.type == "categorical"]
    return ColumnTransformer([("categories", ordinal, names)], remainder="passthrough", sparse_threshold=0.0)


def base(request: TrainRequest, params: Mapping[str, Any]) -> Any:
    """Return the one estimator that is declared, not fitted; else small trees to boost, else histogram boosting."""
    regression = request.task == "regression"
    name, ensemble = request.training.estimator, request.training.ensemble
    if name is None and ensemble is not None and ensemble.kind == "boosting":
        return make(_BOOSTED[regression], {"max_depth": 3, **params}, request.task, request.seed, None)
    if name is None:
        kind = _DEFAULT[regression]
        words = f"the trainer 'sklearn' ({kind.__name__})"
        return configured(kind(), params, request.seed, words, {"categorical_features"})
    return make(name, params, request.task, request.seed, request.folder)


def _balanced(request: TrainRequest, parts: Sequence[Any]) -> bool:
    """Let classes count alike: by the estimators' own parameter where all have it; else the rows must be weighted."""
    if not request.training.balance:
        return False
    if request.task == "regression":
        raise TrainingError("retrain.balance is about classes; a model of task 'regression' has none")
    if any("class_weight" not in part.get_params(deep=False) for part in parts):
        return True
    for part in parts:
        part.set_params(class_weight="balanced")
    return False


def _ensemble(ensemble: Ensemble, parts: list[Any], request: TrainRequest, *, weighted: bool) -> Any:
    regression = request.task == "regression"
    named = [(f"m{number}", part) for number, part in enumerate(parts)]
    if ensemble.kind == "bagging":
        kind = BaggingRegressor if regression else BaggingClassifier
        return kind(parts[0], n_estimators=ensemble.count, random_state=request.seed)
    if ensemble.kind == "boosting":
        _refuse_unweighable(parts[0])
        kind = AdaBoostRegressor if regression else AdaBoostClassifier
        return kind(parts[0], n_estimators=ensemble.count, random_state=request.seed)
    if weighted:
        raise TrainingError("retrain.balance: a member has no class_weight; choose another, or leave balance out")
    if ensemble.kind == "voting" and regression:
        return VotingRegressor(named)
    if ensemble.kind == "voting":
        soft = all(hasattr(part, "predict_proba") for part in parts)
        return VotingClassifier(named, voting="soft" if soft else "hard")
    final = Ridge() if regression else LogisticRegression(max_iter=1000)
    if ensemble.final is not None:
        final = make(ensemble.final, {}, request.task, request.seed, request.folder)
    if regression:
        return StackingRegressor(named, final, cv=KFold(_STRETCHES))
    return StackingClassifier(named, final, cv=StratifiedKFold(_STRETCHES))


def _refuse_unweighable(part: Any) -> None:
    if not has_fit_parameter(part, "sample_weight"):
        raise TrainingError(
            f"an ensemble by boosting weights rows, which {type(part).__name__} does not take; choose another estimator"
        )
