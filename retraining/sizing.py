"""How many of a period's rows a retrain learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from reference_data.section import parse_duration
from retraining.job_files import JobRequest
from retraining.learning_curve import by_hash, learning_curve
from retraining.period import LEAST_TRAIN, Split, split_by_time
from retraining.types import Trainer, TrainingError, TrainRequest

#: More labelled rows than this are worth a learning curve before they are all learned from.
MANY_ROWS = 200_000


class Progress(Protocol):
    """Told the step, how much of the job is done (0 to 1), and what comes now."""

    def __call__(self, step: str, done: float, message: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows to learn from. ``smaller``: they were chosen from those in memory; ``curve``: the learning curve that said how many."""

    split: Split
    smaller: bool = False
    curve: dict[str, Any] | None = None


def choose_rows(
    request: JobRequest,
    trainer: Trainer,
    everything: TrainRequest,
    split: Split,
    positive: str | None,
    progress: Progress,
) -> Chosen:
    """Leave out what the request does not want learned: rows after ``learn_until``, and those beyond ``size``.

    Raises :class:`TrainingError` when too few remain.
    """
    if request.learn_until is not None:
        early = everything.times[split.train] < pd.Timestamp(request.learn_until)
        split = replace(split, train=split.train[np.asarray(early)])
        if len(split.train) < LEAST_TRAIN:
            raise TrainingError(
                f"{len(split.train)} labelled rows of the chosen period are too few to learn from: {LEAST_TRAIN} at least "
                "are needed; choose another retrain.period"
            )
    size, curve = request.size, None
    if size is None and request.find_size and len(split.held) and len(split.train) >= MANY_ROWS:
        inner = _before_the_gate(request, everything, split)
        curve = learning_curve(
            everything, inner.train, inner.held, trainer.fit, positive=positive, unit=unit_of(request),
            report=lambda done, message: progress("learning curve", 0.02 + 0.05 * done, message),
        )  # fmt: skip
        size = curve["levels_off"]
    if size is None or size >= len(split.train):
        return Chosen(split, curve=curve)
    total = len(split.train)
    train = by_hash(everything.frame["_id"], split.train, max(size, LEAST_TRAIN))
    words = curve["sentence"] if curve else "as many as retrain.size or the latest learning curve asks for"
    reason = f"{split.reason}; {len(train):,} of {total:,} rows, by the hash of their ids, are learned from: {words}"
    return Chosen(replace(split, train=train, reason=reason), smaller=True, curve=curve)


def _before_the_gate(request: JobRequest, everything: TrainRequest, split: Split) -> Split:
    """Return the rows to train on, divided once more: what the gate will judge by must not say how many to learn from."""
    training = request.spec.retrain
    end = everything.times[split.held[0]].to_pydatetime()
    inner = split_by_time(everything.times[split.train], end, parse_duration(training.holdout), everything.timezone)
    return Split(split.train[inner.train], split.train[inner.held], inner.reason)


def unit_of(request: JobRequest) -> str:
    """Return the label's declared unit, or nothing."""
    units = request.spec.units
    return units.get("label") or units.get(request.spec.label or "", "")
