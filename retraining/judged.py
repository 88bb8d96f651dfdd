"""A new version before its judges: what it answers to rows it has not seen, beside the champion and the baselines."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retraining import baselines
from retraining.champion import champion_answers
from retraining.features import segment_texts
from retraining.fitted import FittedModel
from retraining.gate import Candidate, Gate, HeldOut, Simple, gate
from retraining.job_files import JobRequest
from retraining.job_rows import JobRows
from retraining.period import Split
from retraining.scores import metrics_for
from retraining.types import FitResult, Predictions, TrainRequest
from retraining.validation import OutOfFold, importance

_TIMED_ROWS, _LEAST_TIMED, _TIMING_SECONDS = 100, 5, 10.0


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


def against_baselines(trained: Trained, held: Predictions) -> tuple[dict[str, Any], tuple[Simple, ...]]:
    """Hold the model against baselines: on held-out rows, else on the latest stretch.

    Returns what :func:`retraining.baselines.compare` does, and the simple models' answers for the gate, whose rows are positions
    among the judged ones; the constant one is the gate's baseline already.
    """
    everything = trained.everything
    if len(trained.split.held):
        training, latest, found = everything.part(trained.split.train), trained.split.held, held
        places = np.arange(len(latest), dtype=np.intp)
    else:
        last = trained.folds.fold == trained.folds.fold.max()
        training, places = everything.part(trained.split.train[~last]), np.flatnonzero(last)
        latest, found = trained.split.train[places], _part(trained.folds.predictions, places)
    judged = everything.part(latest)
    given = baselines.answers(training, judged)
    simple = tuple(Simple(name, given[name], places) for name in (baselines.LATEST, baselines.LINEAR) if name in given)
    return baselines.compare(judged, found, given), simple


def judge(
    request: JobRequest, trained: Trained, held: Predictions, size: int, simple: tuple[Simple, ...] = ()
) -> tuple[Gate, list[str]]:
    """Return the gate's findings and notes on them; ``held`` are the answers for the judged rows, ``size`` bytes of artefact."""
    judged = trained.judged
    notes: list[str] = []
    frame = trained.rows.frame.iloc[judged]
    old = None
    if request.champion is not None:
        old, seen, notes = champion_answers(request.champion, trained, frame)
        notes += _looked_at(request, trained.rows.times[judged[seen]])
        judged, frame, held = judged[seen], frame.iloc[seen], _part(held, seen)
        simple = tuple(_among(each, seen) for each in simple)
    new = Candidate(request.version, held, size=size)
    models = [trained.model] if old is None or old[1] is None else [trained.model, old[1]]
    timings = _timed(models, frame)
    new = replace(new, latency_ms=timings[0])
    champion = old[0] if old else None
    if champion and len(timings) > 1:
        champion = replace(champion, latency_ms=timings[1])
    return gate(
        replace(_held_out(request, trained, judged), simple=simple, must=request.spec.retrain.must), new, champion
    ), notes


def _looked_at(request: JobRequest, times: pd.DatetimeIndex) -> list[str]:
    """Return a note when a study has had the held-out rows in view before it said what to learn from."""
    if request.looked_until is None or not (count := int((times < pd.Timestamp(request.looked_until)).sum())):
        return []
    much = "all" if count == len(times) else f"{count:,} of {len(times):,}"
    return [
        f"the study that chose what {request.version} learns from has judged by {much} of the held-out rows, which flatters it a little"
    ]


def _among(simple: Simple, chosen: NDArray[np.intp]) -> Simple:
    """Return a simple model's answers for the chosen ones of the judged rows, numbered among these."""
    place = np.full(max(int(chosen.max(initial=-1)), int(simple.rows.max(initial=-1))) + 1, -1, dtype=np.intp)
    place[chosen] = np.arange(len(chosen))
    kept = np.flatnonzero(place[simple.rows] >= 0)
    return Simple(simple.name, _part(simple.predictions, kept), place[simple.rows[kept]])


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
    """Time single predictions in milliseconds, the models in turn, so that a busy moment hits all alike.

    Fewer of them where a prediction starts a program and would take long.
    """
    rows = np.linspace(0, len(frame) - 1, min(_TIMED_ROWS, len(frame))).astype(np.intp)
    taken: list[list[float]] = [[] for _ in models]
    for model in models:
        model.predict(frame.iloc[rows[:1]])
    begun = time.perf_counter()
    for place, row in enumerate(rows):
        if place >= _LEAST_TIMED and time.perf_counter() - begun > _TIMING_SECONDS:
            break
        for model, times in zip(models, taken, strict=True):
            start = time.perf_counter()
            model.predict(frame.iloc[row : row + 1])
            times.append((time.perf_counter() - start) * 1000)
    return [np.array(times) for times in taken]


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
