"""Studies as jobs: how much data is enough, which period to learn from. They make no version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reference_data.section import parse_duration
from retraining import job_files, registry
from retraining.backtest import Standing, backtest
from retraining.fitted import FittedModel
from retraining.job_files import Incumbent, JobRequest
from retraining.job_rows import JobRows, read_rows
from retraining.job_trainer import positive_of, trainer_of
from retraining.learning_curve import learning_curve
from retraining.period import split_by_time
from retraining.periods import CHAMPION, FIRST
from retraining.sizing import Progress, unit_of
from retraining.types import FitResult, Trainer, TrainingError, TrainRequest

#: A study holds at most so many rows; of more, those whose ids hash lowest.
MOST_ROWS = 500_000


def run_study(job_dir: Path, progress: Progress) -> dict[str, Any]:
    """Do the study in ``job_dir`` and return what goes into ``result.json``: what the study returns, with ``kind``, ``period``,
    ``learn_until``, ``data_sha256`` and ``notes``. Raises :class:`TrainingError` with words for the user.
    """
    request = job_files.read_request(job_dir)
    trainer = trainer_of(request)
    progress("read", 0.02, "reading labelled rows")
    champion = request.champion.version if request.champion else None
    rows = read_rows(job_dir / job_files.ROWS, request.spec, champion, MOST_ROWS)
    everything = rows.request(request.spec, request.seed, Path(request.code) if request.code else None)
    positive = None if request.spec.task == "regression" else positive_of(request.spec.positive, rows.label)
    notes = list(rows.notes)

    def told(done: float, message: str) -> None:
        progress(request.kind, 0.05 + 0.9 * done, message)

    common: dict[str, Any] = {"positive": positive, "unit": unit_of(request), "report": told}
    if request.kind == "learning_curve":
        holdout = parse_duration(request.spec.retrain.holdout)
        split = split_by_time(rows.times, request.period.end, holdout, request.spec.timezone)
        train = split.train
        if request.learn_until is not None:
            train = train[np.asarray(rows.times[train] < pd.Timestamp(request.learn_until))]
        notes.append(split.reason)
        found = learning_curve(everything, train, split.held, _fit(trainer), **common)
    else:
        standing, lost = _standing(request)
        notes += lost
        found = backtest(
            everything, request.period.end, _fit(trainer), change=request.change, standing=standing, **common
        )
    for note in notes:
        progress("note", 0.98, note)
    return study_of(request, found, rows) | {"kind": request.kind, "notes": notes}


def study_of(request: JobRequest, found: dict[str, Any], rows: JobRows) -> dict[str, Any]:
    """Return what a study found with what it was made of."""
    until = request.learn_until
    return found | {
        "period": [request.period.start.isoformat(), request.period.end.isoformat()],
        "learn_until": until and until.isoformat(),
        "data_sha256": rows.sha256,
    }


def _fit(trainer: Trainer) -> Any:
    """Return the trainer's function, which refuses to weight rows where it cannot."""

    def fit(request: TrainRequest) -> FitResult:
        if request.training.half_life is not None and not trainer.weighs:
            raise TrainingError(f"the trainer {trainer.name!r} does not weight rows by age")
        return trainer.fit(request)

    return fit


def _standing(request: JobRequest) -> tuple[list[Standing], list[str]]:
    """Return the models that are there already, the champion and the first, and why one cannot be tried."""
    found: list[Standing] = []
    notes: list[str] = []
    champion, first = request.champion, request.first
    asked: list[tuple[str, str, Incumbent | None]] = [
        (FIRST, f"the first model{_unknown(first)}", first),
        (CHAMPION, f"what serves now{_unknown(champion)}", champion),
    ]
    if champion is not None and first is not None and champion.version == first.version:
        asked = [(CHAMPION, f"what serves now, the first model{_unknown(champion)}", champion)]
    for name, words, one in asked:
        if one is None:
            continue
        try:
            found.append(_loaded(name, f"{words}, {one.version}", one))
        except registry.ArtefactError as error:
            notes.append(f"{words} is left out: {error}")
    return found, notes


def _unknown(one: Incumbent | None) -> str:
    return (
        " (what it has learned from is not known, which may flatter it)"
        if one is not None and one.trained_until is None
        else ""
    )


def _loaded(name: str, words: str, one: Incumbent) -> Standing:
    if one.card is None:
        raise registry.ArtefactError(f"{one.version} lives elsewhere and has no artefact here")
    estimator = registry.load(Path(one.card.path), one.card.sha256)
    return Standing(
        name, words, FittedModel(estimator, one.card.features, one.card.task), one.trained_until, None, one.rows
    )
