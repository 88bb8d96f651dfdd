"""An estimator together with the columns it takes: predicting from logged rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reference_data.schema import Column, Task
from retraining.features import prepare
from retraining.threads import threads_for
from retraining.types import Predictions

if TYPE_CHECKING:
    import pandas as pd  # whoever predicts has frames; to read what was judged takes none


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What has to be known of an artefact to predict with it. ``positive`` is the class a binary score is about."""

    version: str
    path: str
    sha256: str
    task: Task
    features: tuple[Column, ...]
    positive: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON-ready values."""
        return {
            "version": self.version,
            "path": self.path,
            "sha256": self.sha256,
            "task": self.task,
            "features": [column.to_dict() for column in self.features],
            "positive": self.positive,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelCard:
        """Rebuild from :meth:`to_dict`."""
        return cls(
            version=data["version"],
            path=data["path"],
            sha256=data["sha256"],
            task=data["task"],
            features=tuple(Column(**column) for column in data["features"]),
            positive=data["positive"],
        )


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A fitted estimator and the columns it takes, in order."""

    estimator: Any
    features: tuple[Column, ...]
    task: Task

    def predict(self, frame: pd.DataFrame) -> Predictions:
        """Predict the rows of ``frame`` (logged columns, by declared names; others are passed over).

        Raises :class:`KeyError` naming a column that is not there.
        """
        if frame.empty:
            return Predictions(np.array([], dtype=np.float64 if self.task == "regression" else object))
        inputs = prepare(frame, self.features)
        with threads_for(len(inputs)):
            return self._predict(as_learned(self.estimator, inputs))

    def _predict(self, inputs: Any) -> Predictions:
        if self.task == "regression":
            return Predictions(np.asarray(self.estimator.predict(inputs), dtype=np.float64))
        classes = tuple(str(label) for label in self.estimator.classes_)
        if not hasattr(self.estimator, "predict_proba"):
            return Predictions(np.asarray(self.estimator.predict(inputs)).astype(str).astype(object), None, classes)
        scores = np.asarray(self.estimator.predict_proba(inputs), dtype=np.float64)
        return Predictions(np.array(classes, dtype=object)[scores.argmax(axis=1)], scores, classes)


def as_learned(estimator: Any, inputs: pd.DataFrame) -> Any:
    """Return prepared columns as an estimator takes them: scikit-learn's that learned from an array take an array again."""
    by_name = getattr(estimator, "n_features_in_", None) is None or hasattr(estimator, "feature_names_in_")
    return inputs if by_name else inputs.to_numpy()


def positive_class(declared: str | None, classes: tuple[str, ...]) -> str | None:
    """Return the class a binary score is about: the declared one, else the last in sorted order, as scikit-learn does.

    None for other than two classes. Raises :class:`ValueError` when the declared one is not among the labels.
    """
    if declared is not None and declared not in classes:
        raise ValueError(f"positive class {declared!r} is not among the labels {', '.join(map(repr, classes))}")
    if len(classes) != 2:
        return None
    return declared or max(classes)
