"""Answers from registered versions, all logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retraining import registry, rollout
from retraining.predictor import read_datapoints
from service.local.choosing import card_of
from service.workspace import ConflictError, WorkspaceError
from storage.casting import texts
from storage.ids import new_ids
from storage.intake import canonical_log
from storage.logs import append_log
from storage.privacy import Door

if TYPE_CHECKING:
    import pandas as pd

    from reference_data.declaration import ModelSpec
    from retraining.types import Predictions
    from service.local.core import Core

_log = logging.getLogger(__name__)
#: What a datapoint may carry beside the model's inputs.
_OWN = ("prediction_id", "event_time")


def predict(core: Core, model: str, datapoints: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Answer datapoints with the version that serves, log the answers, and say which version it was.

    Raises :class:`WorkspaceError` naming row and field when a datapoint cannot be read; then none is answered.
    """
    spec = core.spec(model)
    subject = None if spec.subject in spec.features | spec.context else spec.subject
    read = read_datapoints(spec.columns, [_inputs(point, subject) for point in datapoints], timezone=spec.timezone)
    if read.errors:
        first = read.errors[0]
        raise WorkspaceError(f"datapoint {first.row}, field {first.field!r}: {first.error}")
    frame = read.frame
    if frame.empty:
        return []
    fresh = new_ids(len(frame), core.now())
    ids = [str(point.get("prediction_id") or fresh[i]) for i, point in enumerate(datapoints)]
    _refuse_repeated(ids)
    frame["prediction_id"] = ids
    if subject is not None:
        frame[subject] = [point.get(subject) for point in datapoints]
    now = core.now().isoformat()
    frame["event_time"] = [str(point.get("event_time") or now) for point in datapoints]
    answers = predict_rows(core, model, frame).to_dict("records")
    return [
        {
            "prediction_id": name,
            "prediction": row["prediction"],
            "model_version": row["model_version"],
            **({"score": row["score"]} if row.get("score") is not None else {}),
        }
        for name, row in zip(ids, answers, strict=True)
    ]


def _inputs(point: object, subject: str | None) -> Any:
    """Return what a datapoint says of the model's inputs; what is no object at all is passed on, to be told so."""
    if not isinstance(point, Mapping):
        return point
    return {name: value for name, value in point.items() if name not in _OWN and name != subject}


def _refuse_repeated(ids: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if first.setdefault(name, row) != row:
            raise WorkspaceError(
                f"datapoint {row}, field 'prediction_id': {name!r} is that of datapoint {first[name]} already; give every "
                "datapoint an id of its own, or none"
            )


def predict_rows(core: Core, model: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Answer rows (inputs, ``prediction_id``, ``event_time``) with champion and canary, have shadows answer too, log it all.

    Returns what was served, in the order of ``frame``. Raises :class:`ConflictError` without a champion, :class:`WorkspaceError`
    naming row and field for a row that cannot be logged; then none is. What goes wrong in a shadow is its own affair.
    """
    import pandas as pd

    spec, roles = core.spec(model), core.roles(model)
    if roles.champion is None:
        raise ConflictError(
            f"model {model!r} has no champion to answer; train one (`driftdeck retrain {model}`) and deploy it "
            f"(`driftdeck deploy {model} v1 --as champion`)"
        )
    frame = frame.reset_index(drop=True)
    if frame.empty:
        return frame
    routed = pd.Series([rollout.route(name, roles) for name in frame["prediction_id"]], index=frame.index)
    served = [_answers(core, spec, frame[routed == version], version, "serving") for version in roles.serving]
    shadowed = [_shadow_answers(core, spec, frame, version) for version in roles.shadows]
    everything = pd.concat([part for part in [*served, *shadowed] if len(part)])
    key = core.privacy_key(spec)
    intake = canonical_log(spec, everything.reset_index(drop=True), arrival=core.now(), privacy_key=key)
    if intake.rejected:
        first = intake.rejected[0]
        raise WorkspaceError(f"datapoint {everything.index[first['row']]}, field {first['field']!r}: {first['error']}")
    append_log(core.db, spec, intake, core.now(), core.window_spec(model).bucket)
    answers = pd.concat([part for part in served if len(part)]).loc[frame.index]
    return answers.rename(columns={spec.prediction or "prediction": "prediction"})


def _answers(core: Core, spec: ModelSpec, frame: pd.DataFrame, version: str, role: str) -> pd.DataFrame:
    """Return the rows with one version's answers, in the declared column names."""
    if frame.empty:
        return frame
    record = core.version(spec.name, version)
    card = card_of(core, record)
    started = time.perf_counter()
    try:
        found = core.predictor.predict(card, _as_logged(core, spec, frame))
    except (registry.ArtefactError, KeyError) as error:  # changed or gone; an input that is no longer declared
        raise WorkspaceError(f"version {version} of model {spec.name!r} cannot answer: {error}") from error
    latency = (time.perf_counter() - started) * 1000 / len(frame)
    answered = frame.copy()
    answered[spec.prediction or "prediction"] = found.predicted
    answered["model_version"], answered["_role"], answered["latency_ms"] = version, role, latency
    scores = _scores(found, card.positive)
    if scores is not None:
        answered["score"] = scores
    return answered.rename(
        columns={"prediction_id": spec.id or "prediction_id", "event_time": spec.time or "event_time"}
    )


def _as_logged(core: Core, spec: ModelSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """Return inputs as the log has them: a version that learned from hidden values is asked with hidden values."""
    import pandas as pd

    names = [name for name in spec.privacy if name in spec.features]
    if not names:
        return frame
    door = Door(spec, core.privacy_key(spec))
    hidden = {name: door.hide(name, texts(frame[name].tolist())).to_pylist() for name in names}
    return frame.assign(**{name: pd.Series(held, frame.index, object) for name, held in hidden.items()})


def _shadow_answers(core: Core, spec: ModelSpec, frame: pd.DataFrame, version: str) -> pd.DataFrame:
    try:
        return _answers(core, spec, frame, version, "shadow")
    except Exception:  # whoever asked is answered by another version, and must be
        _log.exception("shadow %s of model %r could not answer", version, spec.name)
        return frame[:0]


def _scores(found: Predictions, positive: str | None) -> Any:
    if found.scores is None:
        return None
    if positive is not None:
        return found.score_of(positive)
    return [dict(zip(found.classes, row, strict=True)) for row in found.scores.tolist()]
