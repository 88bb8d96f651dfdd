"""A training script of the operator's own, in any language: it gets a Parquet file and a folder, and leaves a model in the folder."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from reference_data.section import parse_duration
from reference_data.training import CODE_FOLDER
from retraining import registry
from retraining.features import prepare
from retraining.own_command import CommandError, pack, run
from retraining.preprocessing import usable_features
from retraining.types import FitResult, Trainer, TrainingError, TrainRequest

#: What the script may leave in the folder beside its model.
METRICS = "metrics.json"
_PROBED = 5


def fit(request: TrainRequest) -> FitResult:
    """Run the declared command and take in what it left.

    It is called with two more arguments, the Parquet file (the features as they are given at prediction, ``label``,
    ``_event_time``) and the folder to write to; ``DRIFTDECK_REQUEST`` names a JSON file with ``task``, ``features``, ``classes``,
    ``params``, ``seed``. With ``retrain.predict`` that command answers (:mod:`retraining.own_command`); without, the script must leave
    ``model.skops``, a pipeline that takes these features as a DataFrame. Raises :class:`TrainingError` ending with the script's own words.
    """
    features, notes = usable_features(request)
    if request.folder is None or not request.folder.is_dir():
        raise TrainingError(f"there is no folder {CODE_FOLDER!r} in the home: put the scripts of retrain.command there")
    declared = request.training
    inputs = prepare(request.frame, features)
    with tempfile.TemporaryDirectory(prefix="driftdeck-train-") as place:
        data, asked, out = Path(place, "rows.parquet"), Path(place, "request.json"), Path(place, "model")
        out.mkdir()
        inputs.assign(label=request.label, _event_time=request.times.to_numpy()).to_parquet(data, index=False)
        asked.write_text(json.dumps(_asked(request, {c.name: c.type for c in features})), encoding="utf-8")
        extra = {"DRIFTDECK_DATA": str(data), "DRIFTDECK_OUT": str(out), "DRIFTDECK_REQUEST": str(asked)}
        try:
            run(
                (*declared.command, str(data), str(out)),
                cwd=request.folder,
                extra=extra,
                seconds=parse_duration(declared.timeout).total_seconds(),
                declared=declared.env,
                say=_to_log,
            )
            estimator = _taken_in(request, out, inputs.head(_PROBED))
        except CommandError as error:
            raise TrainingError(f"retrain.command: {error}") from error
        told = _told(out / METRICS)
    return FitResult(
        estimator, features, dict(request.params) | told.pop("params", {}), tuple(notes), {"command": told}
    )


def _asked(request: TrainRequest, features: dict[str, str]) -> dict[str, Any]:
    classes = [] if request.task == "regression" else sorted({str(label) for label in request.label})
    return {
        "task": request.task,
        "features": features,
        "classes": classes,
        "params": dict(request.params),
        "seed": request.seed,
        "timezone": request.timezone,
    }


def _taken_in(request: TrainRequest, out: Path, few: Any) -> Any:
    """What the script left, as something that predicts; it is asked about a few rows, so that what cannot answer is told now."""
    assert request.folder is not None
    if request.training.predict:
        classes = sorted({str(label) for label in request.label}) if request.task != "regression" else []
        common: dict[str, Any] = {"regression": request.task == "regression", "classes": classes}
        model = pack(out, request.folder, request.training.predict, scored=False, **common)
        if common["regression"] or not model.scores_given(few):
            model.predict(few)
            return model
        model = pack(out, request.folder, request.training.predict, scored=True, **common)
        model.predict(few)
        return model
    path = out / "model.skops"
    if not path.is_file():
        left = sorted(found.name for found in out.iterdir()) or ["nothing"]
        raise TrainingError(
            f"retrain.command left no model.skops in its folder, but {', '.join(left)}; write the model there with skops, or declare "
            "retrain.predict, a command that answers with what it left"
        )
    try:
        model = registry.load(path, hashlib.sha256(path.read_bytes()).hexdigest())
        np.asarray(model.predict(few))
    except registry.ArtefactError as error:
        raise TrainingError(str(error)) from error
    except Exception as error:
        raise TrainingError(
            f"model.skops does not answer rows of the model's features: {type(error).__name__}: {error}"
        ) from error
    return model


def _told(path: Path) -> dict[str, Any]:
    """What the script says of itself: an object with ``metrics`` and ``params``, both objects; nothing where it says nothing."""
    if not path.is_file():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8"), parse_constant=str)
        return {key: dict(told[key]) for key in ("metrics", "params") if key in told}
    except (ValueError, TypeError) as error:
        raise TrainingError(f'{METRICS} is no object such as {{"metrics": {{"mae": 1.5}}}}: {error}') from error


def _to_log(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


TRAINER = Trainer(
    name="command",
    tasks=frozenset({"regression", "binary", "multiclass"}),
    summary="a training script of your own, in any language: declared in the file only",
    fit=fit,
    folds=3,
)
