"""scikit-learn on rows that do not fit into memory: part by part, as one estimator that goes on learning or as many that are averaged."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch
from sklearn.utils._param_validation import InvalidParameterError

from retraining.ageing import Ageing
from retraining.features import prepare
from retraining.parts import Parts, in_memory
from retraining.pipelines import base
from retraining.preprocessing import Needs, usable_features
from retraining.search import search
from retraining.streamed import Seen, numbered, transformer
from retraining.threads import threads_for
from retraining.trainers.sklearn import fit_with
from retraining.types import FitResult, Report, Trainer, TrainingError, TrainRequest

#: Rows that stochastic gradient descent should have seen, counting repetitions (scikit-learn's user guide, 1.5.5), and the
#: most passes over rows that are fewer.
ROWS_TO_CONVERGE, MOST_PASSES = 1_000_000, 30
#: Rows that an estimator learns on from at once: prepared rows take several times the memory of logged ones.
MOST_AT_ONCE = 50_000
_BOOSTING = (HistGradientBoostingRegressor, HistGradientBoostingClassifier)


def fit(request: TrainRequest) -> FitResult:
    """Fit rows in memory as if they were too many for it; errors as of :func:`fit_parts`."""
    return fit_parts(in_memory(request, request.training.part_rows), request, lambda _done, _words: None)


def fit_parts(parts: Parts, sample: TrainRequest, report: Report) -> FitResult:
    """Fit all rows of ``parts``, having at most one part in memory at a time.

    The first pass learns the preparation. Then an estimator with ``partial_fit`` learns on, part by part; of any other there is
    one a part, and the weights (linear models) or the predictions are averaged by rows. ``sample`` are rows of the same
    kind that lie in memory: a search for parameters looks at them only. Raises :class:`TrainingError` for an ensemble, and
    as the trainer ``sklearn`` does.
    """
    if sample.training.ensemble is not None:
        raise TrainingError(
            "the trainer 'partitioned' makes no ensembles by declaration: it averages its parts by itself"
        )
    features, notes = usable_features(sample)
    chosen: dict[str, Any] = {}
    details: dict[str, Any] = {}
    if sample.training.search:
        chosen, details["search"] = search(sample, fit_with)
    estimator = base(sample, {**sample.params, **chosen})
    seen = Seen(features, sample.task == "regression")
    ageing = Ageing(sample.training.half_life, sample.times.max())
    for part in parts:
        seen.add(part)
        ageing.add(part.times)
        report(0.0, f"{seen.rows:,} rows counted")
    encode = _encode(seen, estimator, sample)
    work = _Work(parts, sample, seen, encode, ageing, report)
    try:
        if hasattr(estimator, "partial_fit"):
            model, words = _one(estimator, work)
        else:
            model, words = _averaged(estimator, work)
    except InvalidParameterError as error:
        raise TrainingError(f"retrain.params: {error}") from error
    notes.append(f"{seen.rows:,} rows in {seen.parts} parts: {words}")
    steps = [("model", model)] if encode is None else [("encode", encode), ("model", model)]
    params = {key: value for key, value in estimator.get_params().items() if not hasattr(value, "get_params")}
    return FitResult(
        Pipeline(steps),
        features,
        params,
        tuple(notes),
        details | {"parts": seen.parts, "rows": seen.rows, "how": words},
    )


def _encode(seen: Seen, estimator: Any, sample: TrainRequest) -> ColumnTransformer | None:
    """The preparation; None for a pipeline of the operator's own, which prepares by itself."""
    declared = sample.training
    if ":" in (declared.estimator or "") and declared.encoding is None:
        return None
    if isinstance(estimator, _BOOSTING) and declared.encoding in {None, "ordinal"}:
        estimator.set_params(categorical_features=list(range(len(seen.categorical))))
        return numbered(seen)
    needs = Needs.of([estimator])
    return transformer(seen, declared.encoding or ("ordinal" if needs.trees else "one_hot"), needs)


class _Work:
    """The second pass: parts as the estimator takes them."""

    def __init__(
        self,
        parts: Parts,
        sample: TrainRequest,
        seen: Seen,
        encode: ColumnTransformer | None,
        ageing: Ageing,
        report: Report,
    ) -> None:
        self.seen, self.sample, self.ageing, self.report = seen, sample, ageing, report
        self._parts, self._encode = parts, encode
        self.classes = np.array(sorted(seen.classes)) if seen.classes else None

    def ready(self, most: int | None = None) -> Iterator[tuple[Any, NDArray[Any], dict[str, Any]]]:
        """Give inputs, labels and weights of one part after the other, of at most ``most`` rows; each has a row of every class."""
        done = 0
        for part in self._parts if most is None else _smaller(self._parts, most):
            frame, label, times = prepare(part.frame, self.seen.features), part.label, part.times
            done += len(label)
            for name in self.seen.numeric:  # histogram boosting fails on a column of nothing
                if frame[name].isna().all():
                    frame[name] = float(self.seen.numbers.mean_[self.seen.numeric.index(name)])
            if self.classes is not None:
                frame, label, times = self._with_all_classes(frame, label.astype(str), times)
            inputs = frame if self._encode is None else self._encode.transform(frame)
            weights = self._weights(label, times)
            with threads_for(len(label)):
                yield inputs, label, weights
            self.report(done / self.seen.rows, f"{done:,} of {self.seen.rows:,} rows learned")

    def _weights(self, label: NDArray[Any], times: pd.DatetimeIndex) -> dict[str, NDArray[np.float64]]:
        """What rows count, by their class and by their age, as an argument; none where all count alike."""
        known = [self.seen.weights(label)] if self.sample.training.balance else []
        known += [age] if (age := self.ageing.weights(times)) is not None else []
        return {"sample_weight": np.prod(known, axis=0)} if known else {}

    def _with_all_classes(
        self, frame: pd.DataFrame, label: NDArray[Any], times: pd.DatetimeIndex
    ) -> tuple[pd.DataFrame, NDArray[Any], pd.DatetimeIndex]:
        """Add one row of the sample for each class that a part lacks."""
        assert self.classes is not None
        lacking = set(self.classes) - set(label)
        known = self.sample.label.astype(str)
        rows = [int(np.flatnonzero(known == name)[0]) for name in sorted(lacking) if (known == name).any()]
        if not rows:
            return frame, label, times
        more = prepare(self.sample.frame.iloc[rows], self.seen.features)
        labels = np.concatenate([label, known[rows]])
        return (
            pd.concat([frame, more], ignore_index=True),
            labels,
            pd.DatetimeIndex(times.append(self.sample.times[rows])),
        )


def _smaller(parts: Parts, most: int) -> Iterator[TrainRequest]:
    for part in parts:
        yield from in_memory(part, most)


def _weighted(estimator: Any, work: _Work) -> None:
    """Raise :class:`TrainingError` for an estimator that cannot mind what is declared of rows' weights."""
    balance, ages = work.sample.training.balance, work.sample.training.half_life is not None
    if balance and work.seen.regression:
        raise TrainingError("retrain.balance is about classes; a model of task 'regression' has none")
    learn = getattr(estimator, "partial_fit", estimator.fit)
    if (balance or ages) and "sample_weight" not in signature(learn).parameters:
        raise TrainingError(
            f"retrain.{'balance' if balance else 'half_life'}: {type(estimator).__name__} takes no weights of rows; choose another "
            "estimator or leave it out"
        )


def _one(estimator: Any, work: _Work) -> tuple[Any, str]:
    """One estimator that goes on learning, rows of a part in random order; numbers to be predicted are standardised."""
    seen = work.seen
    _weighted(estimator, work)
    passes = min(MOST_PASSES, max(1, -(-ROWS_TO_CONVERGE // seen.rows)))
    rng = np.random.default_rng(work.sample.seed)
    for _ in range(passes):
        for inputs, label, weights in work.ready(MOST_AT_ONCE):
            order = rng.permutation(len(label))
            extra = {name: values[order] for name, values in weights.items()}
            if seen.regression:
                target = seen.label.transform(label.reshape(-1, 1).astype(np.float64)).ravel()
                estimator.partial_fit(inputs[order], target[order], **extra)
            else:
                estimator.partial_fit(inputs[order], label[order], classes=work.classes, **extra)
    words = (
        f"one estimator learned on from part to part, {passes} times over"
        if passes > 1
        else "one estimator learned on from part to part"
    )
    if not seen.regression:
        return estimator, words
    if hasattr(estimator, "coef_") and type(estimator).__module__.startswith("sklearn.linear_model"):
        scale, mean = float(seen.label.scale_[0]), float(seen.label.mean_[0])
        estimator.coef_ = estimator.coef_ * scale  # a plain linear model again, which can be written as numbers or ONNX
        estimator.intercept_ = estimator.intercept_ * scale + mean
        return estimator, words
    model = TransformedTargetRegressor(regressor=estimator, transformer=seen.label, check_inverse=False)
    model.regressor_, model.transformer_, model._training_dim = estimator, seen.label, 1  # noqa: SLF001  what fit would set
    return model, words


def _averaged(estimator: Any, work: _Work) -> tuple[Any, str]:
    """One estimator a part; linear ones become one with the mean weights, others predict their mean."""
    _weighted(estimator, work)
    fitted, counted = [], []
    for inputs, label, weights in work.ready():
        target = label.astype(np.float64) if work.seen.regression else label
        count, extra = float(len(label)), weights
        if work.ageing.half_life is not None:  # an old part counts less as a whole, and its rows by their age
            count = float(weights["sample_weight"].sum())
            extra = {"sample_weight": weights["sample_weight"] * (len(label) / count)}
        fitted.append(clone(estimator).fit(inputs, target, **extra))
        counted.append(count)
    share = np.array(counted) / sum(counted)
    if len(fitted) == 1:
        return fitted[0], "all of them fit into one part"
    if all(hasattr(model, "coef_") and hasattr(model, "intercept_") for model in fitted) and type(
        estimator
    ).__module__.startswith("sklearn.linear_model"):
        mean = copy(fitted[0])
        mean.coef_ = np.tensordot(share, np.stack([model.coef_ for model in fitted]), axes=1)
        mean.intercept_ = np.tensordot(share, np.stack([np.asarray(model.intercept_) for model in fitted]), axes=1)
        return mean, "one linear model a part, their weights averaged by rows"
    return _vote(fitted, share, work), "one model a part, their predictions averaged by rows"


def _vote(fitted: list[Any], share: NDArray[np.float64], work: _Work) -> Any:
    named = [(f"part{number}", model) for number, model in enumerate(fitted)]
    if work.classes is None:
        mean = VotingRegressor(named, weights=list(share))
    else:
        soft = all(hasattr(model, "predict_proba") for model in fitted)
        mean = VotingClassifier(named, voting="soft" if soft else "hard", weights=list(share))
        mean.le_ = LabelEncoder().fit(work.classes)
        mean.classes_ = mean.le_.classes_
    mean.estimators_, mean.named_estimators_ = list(fitted), Bunch(**dict(named))
    return mean


TRAINER = Trainer(
    name="partitioned",
    tasks=frozenset({"regression", "binary", "multiclass"}),
    summary="scikit-learn on rows that do not fit into memory, part by part",
    fit=fit,
    folds=3,
    fit_parts=fit_parts,
    weighs=True,
)
