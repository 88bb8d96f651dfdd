"""Rows in: predictions and labels from any form, answers from registered versions, all logged."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import pyarrow as pa

from retraining import registry, rollout
from retraining.predictor import read_datapoints
from service.local.loop import card_of
from service.workspace import ConflictError, WorkspaceError
from storage.files import iter_batches, read_table
from storage.ids import new_ids
from storage.intake import canonical_labels, canonical_log
from storage.logs import append_labels, append_log

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from retraining.types import Predictions
    from service import views
    from service.local.core import Core
    from storage.append_common import Also

_log = logging.getLogger(__name__)
Into = Literal["logs", "labels"]
_TOLD = 1000  # refused rows that an answer names; quarantine has them all
#: What a datapoint may carry beside the model's inputs.
_OWN = ("prediction_id", "event_time")


def tables(data: object) -> Iterator[object]:
    """Yield the rows of ``data`` in blocks: a path is read as a file (``-`` is standard input), anything else is one block."""
    if isinstance(data, str | os.PathLike):
        for block in iter_batches(data):
            if block.table.num_rows:
                yield block.table
    else:
        yield data


def whole(data: object) -> pa.Table:
    """Return the rows of ``data`` as one Arrow table."""
    if isinstance(data, str | os.PathLike):
        return read_table(data).table
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, list):
        try:
            return pa.Table.from_pylist(data)
        except (pa.ArrowException, TypeError, AttributeError) as error:
            raise WorkspaceError(
                f"the rows do not make a table: {error}; give every column values of one type"
            ) from None
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    raise WorkspaceError(
        f"rows cannot come as {type(data).__name__}; give a path, an Arrow table, a pandas or Polars frame, or a list of rows"
    )


def log(core: Core, model: str, data: object, key: str | None) -> views.AppendView:
    """Append predictions; see :meth:`service.workspace.Workspace.log`."""
    return _append(core, model, "logs", data, key)


def label(core: Core, model: str, data: object, key: str | None) -> views.AppendView:
    """Append labels; see :meth:`service.workspace.Workspace.label`."""
    return _append(core, model, "labels", data, key)


def _append(core: Core, model: str, into: Into, data: object, key: str | None) -> views.AppendView:
    spec = takes(core, model, into)
    total = nothing()
    for number, block in enumerate(tables(data)):
        add(total, append_block(core, spec, into, block, key=_block_key(key, number)))
    return total


def takes(core: Core, model: str, into: Into) -> ModelSpec:
    """Return the declaration of a model that can take rows; raises :class:`WorkspaceError` for one that cannot."""
    spec = core.spec(model)
    if into == "logs" and not spec.columns:  # everything but the prediction would be dropped in silence
        raise ConflictError(
            f"model {model!r} knows no columns yet; declare its features, or let a reference teach them "
            f"(`driftdeck reference {model} FILE`)"
        )
    if into == "labels" and spec.task == "none":
        raise WorkspaceError(f"model {model!r} has task 'none' and takes no labels; declare the task they belong to")
    return spec


def append_block(
    core: Core,
    spec: ModelSpec,
    into: Into,
    block: object,
    *,
    key: str | None = None,
    origin: str | None = None,
    also: Also | None = None,
) -> views.AppendView:
    """Append one block of rows: the door through which HTTP, files and sources all come in.

    ``origin`` is told of rows that are refused; ``also`` is written in the same transaction.
    """
    canonical, append = (canonical_log, append_log) if into == "logs" else (canonical_labels, append_labels)
    intake = replace(canonical(spec, block, arrival=core.now()), origin=origin)
    found = append(core.db, spec, intake, core.now(), core.window_spec(spec.name).bucket, key=key, also=also)
    refused = len({entry["row"] for entry in intake.rejected})
    return {
        "accepted": found.accepted,
        "duplicates": found.duplicates,
        "rejected": intake.rejected,
        "rejected_rows": refused,
    }


def _block_key(key: str | None, number: int) -> str | None:
    return None if key is None else f"{key}/{number}"


def nothing() -> views.AppendView:
    """Return the answer to no rows."""
    return {"accepted": 0, "duplicates": 0, "rejected": [], "rejected_rows": 0}


def add(total: views.AppendView, part: views.AppendView) -> None:
    """Add what became of the following block; its rows count on from those before."""
    behind = total["accepted"] + total["duplicates"] + total["rejected_rows"]
    told = part["rejected"][: max(0, _TOLD - len(total["rejected"]))]
    total["rejected"] += [entry | {"row": entry["row"] + behind} for entry in told]
    total["rejected_rows"] += part["rejected_rows"]
    total["accepted"] += part["accepted"]
    total["duplicates"] += part["duplicates"]


# -- answering ---------------------------------------------------------------------------------------------------------
def predict(core: Core, model: str, datapoints: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Answer datapoints with the version that serves, log the answers, and say which version it was.

    Raises :class:`WorkspaceError` naming row and field when a datapoint cannot be read; then none is answered.
    """
    spec = core.spec(model)
    read = read_datapoints(spec.columns, [_inputs(point) for point in datapoints], timezone=spec.timezone)
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


def _inputs(point: object) -> Any:
    """Return what a datapoint says of the model's inputs; what is no object at all is passed on, to be told so."""
    if not isinstance(point, Mapping):
        return point
    return {name: value for name, value in point.items() if name not in _OWN}


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
    intake = canonical_log(spec, everything.reset_index(drop=True), arrival=core.now())
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
        found = core.predictor.predict(card, frame)
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


def stdin_or_path(data: object) -> object:
    """Return a path as text, so that ``-`` stays standard input."""
    return str(data) if isinstance(data, Path) else data
