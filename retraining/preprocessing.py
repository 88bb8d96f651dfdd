"""What has to be done to features before an estimator takes them: by declaration, or as suits the estimator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.utils import get_tags

from reference_data.schema import Column, Task
from reference_data.training import Encoding
from retraining.features import USABLE, prepare
from retraining.types import TrainingError, TrainRequest

#: A column's categories beyond so many share one, the rarest first.
MOST_CATEGORIES = 255
#: Where these are kept, estimators split by order or count: the scale of a column does not matter to them.
_SCALE_FREE = ("sklearn.tree", "sklearn.ensemble", "sklearn.naive_bayes", "sklearn.dummy")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the estimators that share one preparation ask of it."""

    scale: bool
    impute: bool
    sparse: bool
    trees: bool

    @classmethod
    def of(cls, estimators: Iterable[Any]) -> Needs:
        """Return what the neediest of ``estimators`` asks for."""
        found = list(estimators)
        tags = [get_tags(estimator).input_tags for estimator in found]
        free = [type(estimator).__module__.startswith(_SCALE_FREE) for estimator in found]
        return cls(
            scale=not all(free),
            impute=not all(tag.allow_nan for tag in tags),
            sparse=all(tag.sparse for tag in tags),
            trees=all(type(estimator).__module__.startswith("sklearn.tree") for estimator in found),
        )


def usable_features(request: TrainRequest) -> tuple[tuple[Column, ...], list[str]]:
    """Return the features an estimator can be given, and notes on those it cannot.

    Raises :class:`TrainingError` when none is left, or when the labels are of fewer than two classes.
    """
    features = tuple(column for column in request.features if column.type in USABLE)
    notes = [
        f"{column.name!r} is {column.type} and was left out: an estimator needs numbers or categories"
        for column in request.features
        if column not in features
    ]
    empty = [column for column in features if not prepare(request.frame, [column])[column.name].notna().any()]
    notes += [f"{column.name!r} has no value in these rows and was left out" for column in empty]
    features = tuple(column for column in features if column not in empty)
    if not features:
        raise TrainingError(
            "the model has no feature to train on; declare at least one that has values and is "
            + ", ".join(sorted(USABLE))
        )
    if request.task != "regression" and len(np.unique(request.label)) < 2:
        raise TrainingError(
            f"every one of the {len(request.label)} labels is {request.label[0]!r}; a classifier needs two classes or more"
        )
    return features, notes


def preprocessor(features: Sequence[Column], encoding: Encoding, needs: Needs, task: Task, seed: int) -> Any:
    """Return the transformer, not fitted yet, from prepared features to what the estimators take.

    Numbers: the median where missing, and mean 0, standard deviation 1, where an estimator needs these. Categories:
    ``one_hot`` (unseen ones are zeros), ``target`` (the mean label of the category, drawn towards the mean of all, which
    stands for unseen ones; Micci-Barreca 2001, SIGKDD Explorations 3), or ``ordinal`` (numbered; unseen ones are -1).
    """
    categories = [column.name for column in features if column.type == "categorical"]
    numbers = [column.name for column in features if column.type != "categorical"]
    blocks = []
    if categories:
        blocks.append(("categories", _encoder(encoding, needs, task, seed), categories))
    if numbers:
        blocks.append(("numbers", _numbers(needs), numbers))
    return ColumnTransformer(blocks, sparse_threshold=0.3 if needs.sparse else 0.0)


def _numbers(needs: Needs) -> Any:
    steps: list[tuple[str, Any]] = []
    if needs.impute:
        steps.append(("impute", SimpleImputer(strategy="median", keep_empty_features=True)))
    if needs.scale:
        steps.append(("scale", StandardScaler()))
    return Pipeline(steps) if steps else "passthrough"


def _encoder(encoding: Encoding, needs: Needs, task: Task, seed: int) -> Any:
    if encoding == "one_hot":
        return OneHotEncoder(handle_unknown="ignore", max_categories=MOST_CATEGORIES, sparse_output=needs.sparse)
    if encoding == "ordinal":
        encoder: Any = OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=-1,
            encoded_missing_value=-1,
            max_categories=MOST_CATEGORIES,
        )
    else:
        kinds = {"regression": "continuous"}
        folds = KFold(5, shuffle=True, random_state=seed)
        encoder = TargetEncoder(target_type=kinds.get(task, task), cv=folds)
    return Pipeline([("encode", encoder), ("scale", StandardScaler())]) if needs.scale else encoder
