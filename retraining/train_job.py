"""One training job, in a process of its own: ``python -m retraining.train_job FOLDER``.

It reads what the service put into the folder, never the database, and leaves everything in the folder; the last file is
``result.json``, so a job killed at any moment has either failed visibly or finished.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reference_data.plugins import discover
from reference_data.section import parse_duration
from retraining import job_files, registry
from retraining.features import segment_texts, texts
from retraining.fitted import FittedModel, ModelCard, positive_class
from retraining.gate import Candidate, Gate, HeldOut, gate
from retraining.job_files import Incumbent, JobRequest
from retraining.job_rows import JobRows, read_rows, write_reference
from retraining.period import Split, split_by_time
from retraining.scores import metrics_for
from retraining.types import FitResult, Predictions, Trainer, TrainingError, TrainRequest
from retraining.validation import OutOfFold, importance, out_of_fold

_LIBRARIES = ("driftdeck", "numpy", "pandas", "scikit-learn", "scipy", "skops")
_TIMED_ROWS = 100


@dataclass(slots=True)
class Progress:
    """Tells the service (a line of JSON) and the reader of the log (a line of words) how far the job is."""

    path: Path
    started: float

    def __call__(self, step: str, done: float, message: str) -> None:
        """Report that ``done`` (0 to 1) of the work is behind, and which step comes now."""
        elapsed = time.monotonic() - self.started
        left = round(elapsed * (1 - done) / done, 1) if done > 0 else None
        line = {"step": step, "progress": round(done, 4), "message": message, "eta_seconds": left}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.say(f"{step}: {message}")

    def say(self, text: str) -> None:
        """Write a line to the log."""
        sys.stdout.write(f"{time.monotonic() - self.started:7.1f} s  {text}\n")
        sys.stdout.flush()


@dataclass(frozen=True, slots=True, eq=False)
class _Trained:
    """Everything that was computed before the gate."""

    rows: JobRows
    split: Split
    everything: TrainRequest
    folds: OutOfFold
    fitted: FitResult
    model: FittedModel
    positive: str | None

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


def train(job_dir: Path, progress: Progress) -> dict[str, Any]:
    """Do the job in ``job_dir`` and return what goes into ``result.json``.

    Keys: ``model``, ``version``, ``trainer``, ``card`` (:class:`ModelCard`; its path is the job's), ``period``, ``holdout``
    (event times), ``rows`` (``train``, ``holdout``), ``metrics``, ``importance``, ``gate`` (:class:`Gate`), ``notes``, ``params``,
    ``seed``, ``data_sha256``, ``libraries``, ``seconds``. Raises :class:`TrainingError` with words for the user.
    """
    request = job_files.read_request(job_dir)
    trainer = _trainer(request)
    trained = _learn(job_dir, request, trainer, progress)
    progress("importance", 0.68, "measuring what each feature is worth")
    shares = _importance(trained)
    progress("save", 0.78, "writing the artefact")
    path = job_dir / job_files.ARTEFACT
    sha256 = registry.save(trained.fitted.estimator, path)
    card = ModelCard(request.version, str(path), sha256, request.spec.task, trained.fitted.features, trained.positive)
    progress("gate", 0.82, "comparing with the champion" if request.champion else "comparing with the baseline")
    chosen, honest, held = trained.honest()
    judged, notes = _judge(request, trained, held, path.stat().st_size)
    progress.say(_with_notes(judged.sentence, notes))
    progress("reference", 0.94, "writing the rows the new reference is frozen from")
    write_reference(
        job_dir / job_files.REFERENCE, trained.rows, chosen, honest, request.spec, request.version, trained.positive
    )
    times = trained.rows.times
    held_times = times[trained.split.held]
    return {
        "model": request.model,
        "version": request.version,
        "trainer": trainer.name,
        "card": card.to_dict(),
        "period": [request.period.start.isoformat(), request.period.end.isoformat()],
        "holdout": [held_times[0].isoformat(), held_times[-1].isoformat()] if len(held_times) else None,
        "rows": {"train": len(trained.split.train), "holdout": len(held_times)},
        "metrics": _metrics(request, trained, held),
        "importance": shares,
        "gate": judged.to_dict() | {"sentence": _with_notes(judged.sentence, notes)},
        "notes": [*trained.rows.notes, trained.split.reason, *trained.fitted.notes, *notes],
        "params": {name: _plain(value) for name, value in trained.fitted.params.items()},
        "seed": request.seed,
        "data_sha256": trained.rows.sha256,
        "libraries": {"python": platform.python_version()} | {name: installed(name) for name in _LIBRARIES},
        "requested_by": request.requested_by,
        "reason": request.reason,
        "alert_id": request.alert_id,
        "seconds": round(time.monotonic() - progress.started, 2),
    }


def _with_notes(sentence: str, notes: list[str]) -> str:
    """Return the gate's words with what qualifies them: whoever reads the verdict must read that too."""
    return " ".join([sentence, *(f"Note: {note}." for note in notes)])


def _trainer(request: JobRequest) -> Trainer:
    trainers: dict[str, Trainer] = discover("retraining.trainers", "TRAINER")
    name, task = request.spec.retrain.trainer, request.spec.task
    if name not in trainers:
        raise TrainingError(f"retrain.trainer {name!r} is not known; there are {', '.join(map(repr, trainers))}")
    if task not in trainers[name].tasks:
        raise TrainingError(
            f"the trainer {name!r} cannot do task {task!r}; it does {', '.join(sorted(trainers[name].tasks))}"
        )
    if not request.spec.features:
        raise TrainingError("the model declares no features; name them under [models.….features] and retrain")
    return trainers[name]


def _learn(job_dir: Path, request: JobRequest, trainer: Trainer, progress: Progress) -> _Trained:
    spec, champion = request.spec, request.champion
    progress("read", 0.02, "reading labelled rows")
    rows = read_rows(job_dir / job_files.ROWS, spec, champion.version if champion else None)
    positive = None if spec.task == "regression" else _positive(spec.positive, rows.label)
    holdout = parse_duration(request.holdout) if request.holdout else None
    split = split_by_time(rows.times, request.period.end, holdout, spec.timezone)
    progress("split", 0.08, f"{len(split.train):,} rows to train on, {len(split.held):,} kept apart; {split.reason}")
    everything = rows.request(spec, request.seed)
    training = everything.part(split.train)

    def folded(done: int) -> None:
        progress("out of fold", 0.1 + 0.45 * done / request.folds, f"{done} of {request.folds} stretches predicted")

    folds = out_of_fold(training, trainer.fit, request.folds, folded)
    progress("fit", 0.56, f"fitting {trainer.name} to {len(split.train):,} rows")
    fitted = trainer.fit(training)
    for note in (*rows.notes, *fitted.notes):
        progress.say(f"note: {note}")
    return _Trained(
        rows, split, everything, folds, fitted, FittedModel(fitted.estimator, fitted.features, spec.task), positive
    )


def _positive(declared: str | None, label: NDArray[Any]) -> str | None:
    try:
        return positive_class(declared, tuple(sorted(set(label))))
    except ValueError as error:
        raise TrainingError(str(error)) from error


def _importance(trained: _Trained) -> dict[str, float]:
    """On held-out rows; without any, on the latest stretch with the model that has not seen it."""
    if len(trained.split.held):
        return importance(trained.model, trained.everything.part(trained.split.held))
    latest = np.flatnonzero(trained.folds.fold == trained.folds.fold.max())
    return importance(trained.folds.last, trained.everything.part(latest))


def _judge(request: JobRequest, trained: _Trained, held: Predictions, size: int) -> tuple[Gate, list[str]]:
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
    incumbent: Incumbent, trained: _Trained, frame: pd.DataFrame
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


def _logged(frame: pd.DataFrame, trained: _Trained) -> Predictions:
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


def _held_out(request: JobRequest, trained: _Trained, judged: NDArray[np.intp]) -> HeldOut:
    spec, rows = request.spec, trained.rows
    baseline, name = _baseline(rows.label[trained.split.train], len(judged))
    return HeldOut(
        task=spec.task,
        label=rows.label[judged],
        times=rows.times[judged],
        timezone=spec.timezone,
        segments=segment_texts(rows.frame.iloc[judged], spec.segments),
        baseline=baseline,
        baseline_name=name,
        unit=_unit(request),
        positive=trained.positive,
    )


def _baseline(label: NDArray[Any], n: int) -> tuple[Predictions, str]:
    """Return what a model that knows no feature answers: the median, or the most frequent class and the classes' shares."""
    if label.dtype != object:
        middle = float(np.median(label))
        return Predictions(np.full(n, middle)), f"the baseline (always {middle:.4g}, the training rows' median)"
    classes, counts = np.unique(label.astype(str), return_counts=True)
    most = str(classes[counts.argmax()])
    shares = np.tile(counts / counts.sum(), (n, 1))
    predicted = np.full(n, most, dtype=object)
    return Predictions(
        predicted, shares, tuple(map(str, classes))
    ), f"the baseline (always {most!r}, the most frequent class)"


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


def _metrics(request: JobRequest, trained: _Trained, held: Predictions) -> dict[str, float]:
    """The new version's own numbers, out of fold and held out."""
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


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def run(job_dir: Path) -> int:
    """Do the job and leave ``result.json`` or ``failure.json``; returns the exit code: 0, or 1 on failure."""
    progress = Progress(job_dir / job_files.PROGRESS, time.monotonic())
    try:
        (job_dir / job_files.STARTED).touch(exist_ok=False)
    except FileExistsError:
        progress.say("this job was started before; a retry is a new job")
        return 1
    job_files.record_process(job_dir, os.getpid())
    try:
        job_files.write_json(job_dir / job_files.RESULT, train(job_dir, progress))
    except Exception as error:
        _fail(job_dir, error, progress.say)
        return 1
    progress("done", 1.0, "finished")
    return 0


def _fail(job_dir: Path, error: Exception, say: Callable[[str], None]) -> None:
    if not isinstance(error, TrainingError):
        traceback.print_exc(file=sys.stdout)
    text = str(error) if isinstance(error, TrainingError) else f"{type(error).__name__}: {error}"
    say(f"failed: {text}")
    job_files.write_json(job_dir / job_files.FAILURE, {"error": text})


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, take on the limits, and run."""
    parser = argparse.ArgumentParser(prog="python -m retraining.train_job", description="Do one training job.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nice", type=int, default=0, help="how much to step back behind other processes, 0 to 19")
    parser.add_argument("--memory-limit", type=int, default=0, help="bytes of address space; 0: no limit")
    options = parser.parse_args(arguments)
    if os.name == "posix":
        import resource

        os.nice(options.nice)
        if options.memory_limit:
            resource.setrlimit(resource.RLIMIT_AS, (options.memory_limit, options.memory_limit))
    return run(options.folder)


if __name__ == "__main__":
    raise SystemExit(main())
