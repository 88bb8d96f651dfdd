"""One training job, in a process of its own: ``python -m retraining.train_job FOLDER``.

It reads what the service put into the folder, never the database, and leaves everything in the folder; the last file is
``result.json``, so a job killed at any moment has either failed visibly or finished.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from reference_data.section import parse_duration
from retraining import job_files, provenance, registry
from retraining.fitted import FittedModel, ModelCard
from retraining.job_files import JobRequest
from retraining.job_rows import read_rows, write_reference
from retraining.job_trainer import positive_of, trainer_of
from retraining.judged import Trained, against_baselines, importances, judge, own_metrics
from retraining.large import SAMPLE_ROWS, fit_file
from retraining.period import split_by_time
from retraining.sizing import choose_rows
from retraining.study_job import run_study, study_of
from retraining.types import Trainer, TrainingError
from retraining.validation import out_of_fold
from storage.faults import fault_point

_LIBRARIES = ("driftdeck", "numpy", "pandas", "scikit-learn", "scipy", "skops")


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


def train(job_dir: Path, progress: Progress) -> dict[str, Any]:
    """Do the job in ``job_dir`` and return what goes into ``result.json``.

    Keys: ``model``, ``version``, ``trainer``, ``card`` (:class:`ModelCard`; its path is the job's), ``period``, ``holdout``
    (event times), ``rows`` (``train``, ``holdout``), ``metrics``, ``importance``, ``gate`` (:class:`Gate`), ``notes``, ``params``,
    ``baselines`` (:func:`retraining.baselines.compare`), ``training`` (findings on the way), ``seed``, ``data_sha256``, ``query``,
    ``code_sha256``, ``environment`` (:mod:`retraining.provenance`), ``libraries``, ``seconds``. Raises :class:`TrainingError` with words for the user.
    """
    request = job_files.read_request(job_dir)
    trainer = trainer_of(request)
    trained = _learn(job_dir, request, trainer, progress)
    fault_point("train.after_fit")
    progress("importance", 0.68, "measuring what each feature is worth")
    shares = importances(trained)
    progress("save", 0.78, "writing the artefact")
    path = job_dir / job_files.ARTEFACT
    try:
        sha256 = registry.save(trained.fitted.estimator, path)
    except registry.UntrustedArtefactError as error:
        raise TrainingError(
            f"{error}; build the pipeline of scikit-learn's own parts, without classes of your own"
        ) from error
    fault_point("train.after_artefact")
    card = ModelCard(request.version, str(path), sha256, request.spec.task, trained.fitted.features, trained.positive)
    progress("baselines", 0.8, "holding it against baselines")
    chosen, honest, held = trained.honest()
    simple, models = against_baselines(trained, held)
    progress("gate", 0.84, "comparing with the champion" if request.champion else "comparing with the baseline")
    judged, notes = judge(request, trained, held, path.stat().st_size, models)
    if not simple["beats_all"]:  # whoever reads the verdict must read that
        notes.append(simple["sentence"])
    progress.say(_with_notes(judged.sentence, notes))
    progress("reference", 0.94, "writing the rows the new reference is frozen from")
    write_reference(
        job_dir / job_files.REFERENCE, trained.rows, chosen, honest, request.spec, request.version, trained.positive
    )
    fault_point("train.after_reference")
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
        "metrics": own_metrics(request, trained, held),
        "importance": shares,
        "gate": judged.to_dict() | {"sentence": _with_notes(judged.sentence, notes)},
        "baselines": simple,
        "training": trained.fitted.details,
        "learning_curve": trained.curve and study_of(request, trained.curve, trained.rows),
        "notes": _once([*trained.rows.notes, trained.split.reason, *trained.fitted.notes, simple["sentence"], *notes]),
        "params": {name: _plain(value) for name, value in trained.fitted.params.items() if not _is_steps(value)},
        "seed": request.seed,
        "data_sha256": trained.rows.sha256,
        "query": provenance.query(request),
        "code_sha256": provenance.code_sha256(Path(request.code) if request.code else None),
        "environment": provenance.environment(),
        "libraries": {"python": platform.python_version()} | {name: installed(name) for name in _LIBRARIES},
        "requested_by": request.requested_by,
        "reason": request.reason,
        "alert_id": request.alert_id,
        "seconds": round(time.monotonic() - progress.started, 2),
    }


def _once(notes: list[str]) -> list[str]:
    return list(dict.fromkeys(notes))


def _with_notes(sentence: str, notes: list[str]) -> str:
    """Return the gate's words with what qualifies them: whoever reads the verdict must read that too."""
    return " ".join([sentence, *(f"Note: {note}." for note in notes)])


def _learn(job_dir: Path, request: JobRequest, trainer: Trainer, progress: Progress) -> Trained:
    spec, champion = request.spec, request.champion
    progress("read", 0.02, "reading labelled rows")
    path, large = job_dir / job_files.ROWS, trainer.fit_parts is not None
    rows = read_rows(path, spec, champion.version if champion else None, SAMPLE_ROWS if large else None)
    fault_point("train.after_rows")
    positive = None if spec.task == "regression" else positive_of(spec.positive, rows.label)
    holdout = parse_duration(request.holdout) if request.holdout else None
    split = split_by_time(rows.times, request.period.end, holdout, spec.timezone)
    everything = rows.request(spec, request.seed, Path(request.code) if request.code else None)
    found = choose_rows(request, trainer, everything, split, positive, progress)
    split, large = found.split, large and not found.smaller
    progress("split", 0.08, f"{len(split.train):,} rows to train on, {len(split.held):,} kept apart; {split.reason}")
    training = everything.part(split.train)

    count = min(request.folds, trainer.folds)

    def folded(done: int) -> None:
        progress("out of fold", 0.1 + 0.45 * done / count, f"{done} of {count} stretches predicted")

    folds = out_of_fold(training, trainer.fit, count, folded)
    progress("fit", 0.56, f"fitting {trainer.name} to {len(split.train):,} rows")
    if large:
        ends = [rows.times[split.held[0]].to_pydatetime()] if len(split.held) else []
        until = min([*ends, *([request.learn_until] if request.learn_until else [])], default=None)
        held = everything.part(split.held)

        def learned(done: float, message: str) -> None:
            progress("fit", 0.56 + 0.1 * done, message)

        fitted = fit_file(path, trainer, training, held, until, learned)
    else:
        fitted = trainer.fit(training)
    for note in (*rows.notes, *fitted.notes):
        progress.say(f"note: {note}")
    return Trained(
        rows,
        split,
        everything,
        folds,
        fitted,
        FittedModel(fitted.estimator, fitted.features, spec.task),
        positive,
        found.curve,
    )


def _is_steps(value: Any) -> bool:
    """Whether these are the parts of a pipeline, whose own parameters stand beside it."""
    return isinstance(value, list) and any(
        isinstance(part, tuple) and len(part) > 1 and hasattr(part[1], "fit") for part in value
    )


def _plain(value: Any) -> Any:
    """Return a parameter as JSON can hold it; an imputer's NaN is a word there."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(float(value))
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
        study = job_files.read_request(job_dir).kind != "retrain"
        found = (run_study if study else train)(job_dir, progress)
        fault_point("train.before_result")
        job_files.write_json(job_dir / job_files.RESULT, found)
        fault_point("train.after_result")
    except Exception as error:
        _fail(job_dir, error, progress.say)
        return 1
    progress("done", 1.0, "finished")
    return 0


def _fail(job_dir: Path, error: Exception, say: Callable[[str], None]) -> None:
    if not isinstance(error, TrainingError):
        traceback.print_exc(file=sys.stdout)
    text = str(error) if isinstance(error, TrainingError) else f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError):
        text = f"the job needs more memory than it may take ({error}); raise retrain.memory_mb, or train on fewer rows"
    say(f"failed: {text}")
    job_files.write_json(job_dir / job_files.FAILURE, {"error": text})


def _declared_limit(job_dir: Path) -> int:
    """Return how many bytes of address space the model's job may take, 0 without a limit."""
    megabytes = job_files.read_request(job_dir).spec.retrain.memory_mb
    return 0 if megabytes is None else megabytes * 2**20


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
        if limit := options.memory_limit or _declared_limit(options.folder):
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return run(options.folder)


if __name__ == "__main__":
    raise SystemExit(main())
