"""Rows in: predictions and labels from any form, answers from registered versions, all logged."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from retraining import rollout
from retraining.predictor import read_datapoints
from service.local.loop import card_of
from service.workspace import ConflictError, WorkspaceError
from storage.files import iter_batches, read_table
from storage.ids import new_ids
from storage.intake import Intake, canonical_labels, canonical_log
from storage.logs import append_labels, append_log

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from retraining.types import Predictions
    from service import views
    from service.local.core import Core

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
    spec, buckets = core.spec(model), core.window_spec(model).bucket
    total = _nothing()
    for number, block in enumerate(tables(data)):
        intake = canonical_log(spec, block, arrival=core.now())
        found = append_log(core.db, spec, intake, core.now(), buckets, key=_block_key(key, number))
        _add(total, intake, found.accepted, found.duplicates)
    return total


def label(core: Core, model: str, data: object, key: str | None) -> views.AppendView:
    """Append labels; see :meth:`service.workspace.Workspace.label`."""
    spec, buckets = core.spec(model), core.window_spec(model).bucket
    if spec.task == "none":
        raise WorkspaceError(f"model {model!r} has task 'none' and takes no labels; declare the task they belong to")
    total = _nothing()
    for number, block in enumerate(tables(data)):
        intake = canonical_labels(spec, block, arrival=core.now())
        found = append_labels(core.db, spec, intake, core.now(), buckets, key=_block_key(key, number))
        _add(total, intake, found.accepted, found.duplicates)
    return total


def _block_key(key: str | None, number: int) -> str | None:
    return None if key is None else f"{key}/{number}"


def _nothing() -> views.AppendView:
    return {"accepted": 0, "duplicates": 0, "rejected": []}


def _add(total: views.AppendView, intake: Intake, accepted: int, duplicates: int) -> None:
    behind = total["accepted"] + total["duplicates"] + len(total["rejected"])
    total["rejected"] += [entry | {"row": entry["row"] + behind} for entry in intake.rejected]
    total["accepted"] += accepted
    total["duplicates"] += duplicates


# -- answering ---------------------------------------------------------------------------------------------------------
def predict(core: Core, model: str, datapoints: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Answer datapoints with the version that serves, log the answers, and say which version it was.

    Raises :class:`WorkspaceError` naming row and field when a datapoint cannot be read; then none is answered.
    """
    spec = core.spec(model)
    inputs = [{name: value for name, value in point.items() if name not in _OWN} for point in datapoints]
    read = read_datapoints(spec.columns, inputs, timezone=spec.timezone)
    if read.errors:
        first = read.errors[0]
        raise WorkspaceError(f"datapoint {first.row}, field {first.field!r}: {first.error}")
    frame = read.frame
    fresh = new_ids(len(frame), core.now())
    frame["prediction_id"] = [str(point.get("prediction_id") or fresh[i]) for i, point in enumerate(datapoints)]
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
        for name, row in zip(frame["prediction_id"], answers, strict=True)
    ]


def predict_rows(core: Core, model: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Answer rows (inputs, ``prediction_id``, ``event_time``) with champion and canary, have shadows answer too, log it all.

    Returns what was served, in the order of ``frame``. Raises :class:`ConflictError` without a champion.
    """
    spec, roles = core.spec(model), core.roles(model)
    if roles.champion is None:
        raise ConflictError(
            f"model {model!r} has no champion to answer; train one (`driftdeck retrain {model}`) and deploy it "
            f"(`driftdeck deploy {model} v1 --as champion`)"
        )
    routed = pd.Series([rollout.route(name, roles) for name in frame["prediction_id"]], index=frame.index)
    served = [_answers(core, spec, frame[routed == version], version, "serving") for version in roles.serving]
    shadowed = [_answers(core, spec, frame, version, "shadow") for version in roles.shadows]
    answers = pd.concat([part for part in served if len(part)]) if len(frame) else frame
    everything = pd.concat([part for part in [*served, *shadowed] if len(part)], ignore_index=True)
    found = log(core, model, everything, None)
    if found["rejected"]:
        first = found["rejected"][0]
        raise WorkspaceError(f"an answer could not be logged: row {first['row']}, {first['field']}: {first['error']}")
    return answers.loc[frame.index].rename(columns={spec.prediction or "prediction": "prediction"})


def _answers(core: Core, spec: ModelSpec, frame: pd.DataFrame, version: str, role: str) -> pd.DataFrame:
    """Return the rows with one version's answers, in the declared column names."""
    if frame.empty:
        return frame
    record = core.version(spec.name, version)
    card = card_of(core, record)
    started = time.perf_counter()
    found = core.predictor.predict(card, frame)
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


def _scores(found: Predictions, positive: str | None) -> Any:
    if found.scores is None:
        return None
    if positive is not None:
        return found.score_of(positive)
    return [dict(zip(found.classes, row, strict=True)) for row in found.scores.tolist()]


def stdin_or_path(data: object) -> object:
    """Return a path as text, so that ``-`` stays standard input."""
    return str(data) if isinstance(data, Path) else data
