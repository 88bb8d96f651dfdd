"""A new version before its judges: what it answers to rows it has not seen, beside the champion and the baselines."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retraining import baselines, registry
from retraining.features import segment_texts, texts
from retraining.fitted import FittedModel
from retraining.gate import Candidate, Gate, HeldOut, gate
from retraining.job_files import Incumbent, JobRequest
from retraining.job_rows import JobRows
from retraining.period import Split
from retraining.scores import metrics_for
from retraining.types import FitResult, Predictions, TrainRequest
from retraining.validation import OutOfFold, importance

_TIMED_ROWS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Everything that was computed before the gate."""

    rows: JobRows
    split: Split
    everything: TrainRequest
    folds: OutOfFold
    fitted: FitResult
    model: FittedModel
    positive: str | None
    curve: dict[str, Any] | None = None  # a learning curve that was made on the way

    @property
    def judged(self) -> NDArray[np.intp]:
        """Positions of the rows the new model is judged on: held out, or all of them out of fold."""
        return self.split.held if len(self.split.held) else self.split.train

    def honest(self) -> tuple[NDArray[np.intp], Predictions, Predictions]:
        """Return all positions, predictions of each row by a model that has not seen it, and those of the judged rows."""
        folded = self.folds.predictions
        if not len(self.split.held):
            return self.split.train, folded, folded
        held = self.model.predict(self.rows.frame.iloc[self.split.held])
        return np.concatenate([self.split.train, self.split.held]), _joined(folded, held), held


def importances(trained: Trained) -> dict[str, float]:
    """Return what each feature is worth on held-out rows; without any, on the latest stretch with the model that has not seen it."""
    if len(trained.split.held):
        return importance(trained.model, trained.everything.part(trained.split.held))
    latest = np.flatnonzero(trained.folds.fold == trained.folds.fold.max())
    return importance(trained.folds.last, trained.everything.part(latest))


def against_baselines(trained: Trained, held: Predictions) -> dict[str, Any]:
    """Hold the model against baselines (:func:`retraining.baselines.compare`): on held-out rows, else on the latest stretch."""
    everything = trained.everything
    if len(trained.split.held):
        return baselines.compare(everything.part(trained.split.train), everything.part(trained.split.held), held)
    last = trained.folds.fold == trained.folds.fold.max()
    latest, before = np.flatnonzero(last), np.flatnonzero(~last)
    return baselines.compare(everything.part(before), everything.part(latest), _part(trained.folds.predictions, latest))


def judge(request: JobRequest, trained: Trained, held: Predictions, size: int) -> tuple[Gate, list[str]]:
    """Return the gate's findings and notes on them; ``held`` are the answers for the judged rows, ``size`` bytes of artefact."""
    judged = trained.judged
    notes: list[str] = []
    frame = trained.rows.frame.iloc[judged]
    old = None
    if request.champion is not None:
        old, seen, notes = _champion(request.champion, trained, frame)
        judged, frame, held = judged[seen], frame.iloc[seen], _part(held, seen)
    new = Candidate(request.version, held, size=size)
    models = [trained.model] if old is None or old[1] is None else [trained.model, old[1]]
    timings = _timed(models, frame)
    new = replace(new, latency_ms=timings[0])
    champion = old[0] if old else None
    if champion and len(timings) > 1:
        champion = replace(champion, latency_ms=timings[1])
    return gate(_held_out(request, trained, judged), new, champion), notes


def _champion(
    incumbent: Incumbent, trained: Trained, frame: pd.DataFrame
) -> tuple[tuple[Candidate, FittedModel | None] | None, NDArray[np.intp], list[str]]:
    """Return the champion's answers for the judged rows, the positions it has answers for, and notes."""
    notes, everything = [], np.arange(len(frame), dtype=np.intp)
    if not len(trained.split.held):
        return None, everything, ["without held-out rows the champion is not compared: set retrain.holdout"]
    until = incumbent.trained_until
    if until is not None and trained.rows.times[trained.split.held[0]] < until:
        notes.append(f"{incumbent.version} has learned from some of the held-out rows, which flatters it")
    if incumbent.card is not None:
        try:
            estimator = registry.load(Path(incumbent.card.path), incumbent.card.sha256)
        except registry.ArtefactError as error:
            notes.append(f"{error}; its logged predictions are compared instead")
        else:
            model = FittedModel(estimator, incumbent.card.features, incumbent.card.task)
            size = Path(incumbent.card.path).stat().st_size
            return (Candidate(incumbent.version, model.predict(frame), size=size), model), everything, notes
    own = (frame["_model_version"] == incumbent.version) & frame["prediction"].notna()
    seen = np.flatnonzero(own.to_numpy())
    if not len(seen):
        notes.append(f"{incumbent.version} has no logged predictions among the held-out rows and was not compared")
        return None, everything, notes
    if len(seen) < len(frame):
        notes.append(
            f"{incumbent.version} has answered {len(seen):,} of {len(frame):,} held-out rows; these are compared"
        )
    return (Candidate(incumbent.version, _logged(frame.iloc[seen], trained)), None), seen, notes


def _logged(frame: pd.DataFrame, trained: Trained) -> Predictions:
    """What the champion answered then."""
    if trained.everything.task == "regression":
        return Predictions(frame["prediction"].to_numpy(dtype=np.float64))
    predicted = texts(frame["prediction"])
    classes = tuple(sorted(set(trained.rows.label)))
    if trained.positive is None or "score" not in frame.columns or frame["score"].isna().any():
        return Predictions(predicted)
    score = frame["score"].to_numpy(dtype=np.float64)
    scores = np.column_stack([score if name == trained.positive else 1 - score for name in classes])
    return Predictions(predicted, scores, classes)


def _held_out(request: JobRequest, trained: Trained, judged: NDArray[np.intp]) -> HeldOut:
    spec, rows = request.spec, trained.rows
    baseline, words = baselines.constant(rows.label[trained.split.train], len(judged))
    return HeldOut(
        task=spec.task,
        label=rows.label[judged],
        times=rows.times[judged],
        timezone=spec.timezone,
        segments=segment_texts(rows.frame.iloc[judged], spec.segments),
        baseline=baseline,
        baseline_name=f"the baseline ({words})",
        unit=_unit(request),
        positive=trained.positive,
    )


def _timed(models: list[FittedModel], frame: pd.DataFrame) -> list[NDArray[np.float64]]:
    """Time single predictions in milliseconds, the models in turn, so that a busy moment hits all alike."""
    rows = np.linspace(0, len(frame) - 1, min(_TIMED_ROWS, len(frame))).astype(np.intp)
    taken = [np.empty(len(rows)) for _ in models]
    for model in models:
        model.predict(frame.iloc[rows[:1]])
    for place, row in enumerate(rows):
        for model, times in zip(models, taken, strict=True):
            start = time.perf_counter()
            model.predict(frame.iloc[row : row + 1])
            times[place] = (time.perf_counter() - start) * 1000
    return taken


def own_metrics(request: JobRequest, trained: Trained, held: Predictions) -> dict[str, float]:
    """Return the new version's own numbers, out of fold and held out."""
    folded = trained.folds.predictions
    metrics = metrics_for(request.spec.task, trained.positive, _unit(request), probabilities=folded.scores is not None)
    parts = {"out of fold": (trained.split.train, folded)}
    if len(trained.split.held):
        parts["held out"] = (trained.split.held, held)
    found = {
        f"{metric.name}, {part}": metric.value(trained.rows.label[rows], predictions, np.arange(len(rows)))
        for part, (rows, predictions) in parts.items()
        for metric in metrics
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _unit(request: JobRequest) -> str:
    units = request.spec.units
    return units.get("label") or units.get(request.spec.label or "", "")


def _part(found: Predictions, rows: NDArray[np.intp]) -> Predictions:
    return Predictions(found.predicted[rows], None if found.scores is None else found.scores[rows], found.classes)


def _joined(first: Predictions, second: Predictions) -> Predictions:
    """Put predictions one behind the other; classes that only one knows have probability 0 in the other."""
    predicted = np.concatenate([first.predicted, second.predicted])
    if first.scores is None or second.scores is None:
        return Predictions(predicted)
    columns = [second.classes.index(name) if name in second.classes else -1 for name in first.classes]
    padded = np.column_stack([second.scores, np.zeros(len(second.scores))])
    return Predictions(predicted, np.concatenate([first.scores, padded[:, columns]]), first.classes)
