"""Who trains a job, and what its labels are about."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from reference_data.plugins import discover
from retraining.fitted import positive_class
from retraining.job_files import JobRequest
from retraining.types import Trainer, TrainingError


def trainer_of(request: JobRequest) -> Trainer:
    """Return the declared trainer; raises :class:`TrainingError` when there is none, or when it cannot do what is declared."""
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
    if request.spec.retrain.half_life is not None and not trainers[name].weighs:
        able = ", ".join(repr(other) for other, one in trainers.items() if one.weighs)
        raise TrainingError(
            f"the trainer {name!r} does not weight rows by age; leave retrain.half_life out, or use {able}"
        )
    return trainers[name]


def positive_of(declared: str | None, label: NDArray[Any]) -> str | None:
    """Return the class a binary score is about; raises :class:`TrainingError` when the declared one is no label."""
    try:
        return positive_class(declared, tuple(sorted(set(label))))
    except ValueError as error:
        raise TrainingError(str(error)) from error
