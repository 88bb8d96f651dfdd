"""What trainers are given and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reference_data.schema import Column, Task
from reference_data.training import Retrain, Scalar

if TYPE_CHECKING:
    import pandas as pd

    from retraining.parts import Parts

#: Values that ``[models.x.retrain.params]`` may hold.
Params = Mapping[str, Scalar | list[Scalar]]
#: Told how much of the work is done (0 to 1) and what comes now.
Report = Callable[[float, str], None]


class TrainingError(Exception):
    """Training cannot be done as asked; the message says what was wrong, what is allowed and what to do next."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model says of n rows.

    ``predicted``: float64 of shape (n,) for regression, text (object) of shape (n,) for classification. ``scores``:
    probabilities of shape (n, number of classes) in the order of ``classes``, or None where the model gives none.
    """

    predicted: NDArray[Any]
    scores: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()

    def score_of(self, label: str) -> NDArray[np.float64] | None:
        """Return the probability of one class, shape (n,), or None without scores.

        Raises :class:`KeyError` naming the classes there are.
        """
        if self.scores is None:
            return None
        if label not in self.classes:
            raise KeyError(f"class {label!r} is not known to the model; it has {', '.join(map(repr, self.classes))}")
        return np.asarray(self.scores[:, self.classes.index(label)])


@dataclass(frozen=True, slots=True, eq=False)
class TrainRequest:
    """Labelled rows to learn from, in order of event time.

    ``frame`` holds at least the columns of ``features``, by their declared names; ``label`` is float64 (regression) or text
    (classification), without missing values, of the same length; ``times`` are aware event times. ``training`` is what was
    declared, ``params`` what it sets of the estimator; ``folder`` holds the operator's own training code.
    """

    frame: pd.DataFrame
    label: NDArray[Any]
    times: pd.DatetimeIndex
    features: tuple[Column, ...]
    task: Task
    params: Params = field(default_factory=dict)
    seed: int = 0
    timezone: str = "UTC"
    training: Retrain = field(default_factory=Retrain)
    folder: Path | None = None

    def part(self, rows: NDArray[np.intp]) -> TrainRequest:
        """Return the request restricted to the rows at these positions."""
        return replace(self, frame=self.frame.iloc[rows], label=self.label[rows], times=self.times[rows])


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """A fitted estimator, the columns it takes (in order), and what the user should know.

    The estimator predicts from :func:`retraining.features.prepare` of the rows with these columns. ``details`` are JSON-ready
    findings on the way, by what they are about (``search``: a list of combinations and their losses).
    """

    estimator: Any
    features: tuple[Column, ...]
    params: dict[str, Any]
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trainer:
    """A way of fitting a model. A file in ``retraining/trainers/`` defines one as ``TRAINER``.

    ``folds``: most stretches that honest predictions of the training rows may cost a fit each. ``fit_parts`` fits rows that
    need not lie in memory: those of a :class:`retraining.parts.Parts`, while the request holds a sample of them. ``weighs``: it
    minds ``retrain.half_life``.
    """

    name: str
    tasks: frozenset[str]
    summary: str
    fit: Callable[[TrainRequest], FitResult]
    folds: int = 5
    fit_parts: Callable[[Parts, TrainRequest, Report], FitResult] | None = None
    weighs: bool = False
