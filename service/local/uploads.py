"""Rows as JSON brings them: what has the wrong shape is refused by itself, the rest goes the way of all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from service.uploads import BrokenLine, Upload
from storage.casting import shown

if TYPE_CHECKING:
    from reference_data.declaration import ModelSpec
    from storage.intake import Intake

_LOG = {
    "prediction_id", "event_time", "model_version", "_role", "latency_ms", "features", "context", "prediction", "score",
}  # fmt: skip
_LABEL = {"prediction_id", "label", "label_time", "event_time", "kind"}
_OBJECT = "an object of columns and their values"
Refusal = dict[str, Any]
Problem = tuple[str, Any, str, str]  # field, value, error, expected


def canonical_upload(
    spec: ModelSpec, into: Literal["logs", "labels"], upload: Upload, canonical: Callable[[Any], Intake]
) -> Intake:
    """Bring an upload into canonical columns with ``canonical``; ``row`` counts in what was sent."""
    if isinstance(upload.rows, pa.Table):
        return canonical(upload.rows)
    refused = _refusals(spec, into, upload.rows)
    if not refused:
        intake = canonical(upload.rows)
    else:
        places = [index for index in range(len(upload.rows)) if index not in refused]
        intake = canonical([upload.rows[index] for index in places])
        rejected = [entry | {"row": places[entry["row"]]} for entry in intake.rejected]
        rejected = sorted([*refused.values(), *rejected], key=lambda entry: entry["row"])
        intake = replace(intake, rejected=rejected)
    if upload.lines is not None:
        lines = upload.lines
        intake = replace(intake, rejected=[entry | {"line": lines[entry["row"]]} for entry in intake.rejected])
    return intake


def _refusals(spec: ModelSpec, into: str, rows: list[Any]) -> dict[int, Refusal]:
    """Return what is wrong with the shape of rows, by their place."""
    known, refused = _known(spec, into), {}
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            problem = _nested(row, into, known) or _empty_id(row, spec.id)
        elif isinstance(row, BrokenLine):
            problem = ("line", row.text, row.error, "one JSON object")
        else:
            problem = ("row", row, "the row is not an object with fields", "an object with fields")
        if problem is not None:
            refused[index] = _entry(spec, index, problem, row)
    return refused


def _nested(row: dict[str, Any], into: str, known: set[str]) -> Problem | None:
    """Return what is wrong with a row of our own names; one that has other names too is flat, and its columns are the store's affair."""
    ours = row.keys() <= known
    if into == "labels" or "features" not in row:
        if into == "logs" and ours:
            return "features", None, "features are missing", _OBJECT
        if ours or into == "logs" or "label" not in row:
            return None
    if not ours:
        name = next(name for name in row if name not in known)
        return (
            name,
            row[name],
            f"a row has no field {shown(name)!r}",
            f"one of {', '.join(sorted(known, key=lambda each: each.lstrip('_')))}",
        )
    for name in ("features", "context"):
        value = row.get(name)
        if not isinstance(value, dict) and (value is not None or name == "features"):
            return name, value, f"{name} must be an object", _OBJECT
    return None


def _empty_id(row: dict[str, Any], declared: str | None) -> Problem | None:
    for name in ("prediction_id", declared):
        if name is not None and row.get(name) == "":
            return name, "", "the id is empty", "text that is not empty, or no id at all"
    return None


def _known(spec: ModelSpec, into: str) -> set[str]:
    """Return the names that a row may have beside those of its inputs: ours, and those that the declaration gives."""
    named = {spec.id, spec.time, spec.subject}
    if into == "labels":
        named |= {spec.label, *_LABEL}
    else:
        scores = spec.score.values() if isinstance(spec.score, dict) else (spec.score,)
        named |= {spec.prediction, *scores, *_LOG}
    return {name for name in named if name is not None}


def _entry(spec: ModelSpec, index: int, problem: Problem, row: object) -> Refusal:
    """Return a refusal; of a model with hidden columns no values, which might be theirs."""
    field, value, error, expected = problem
    hidden = bool(spec.privacy)
    entry: Refusal = {
        "row": index,
        "field": shown(field),
        "value": None if hidden or value is None else shown(value),
        "error": error,
        "expected": expected,
    }
    if isinstance(row, BrokenLine) and not hidden:
        entry["content"] = row.text
    if isinstance(row, dict):
        features = row.get("features")
        inner = features if isinstance(features, dict) else row
        named = {"id": (spec.id, row.get(spec.id or "", row.get("prediction_id"))), "subject": (spec.subject, None)}
        if spec.subject is not None:
            named["subject"] = (spec.subject, row.get(spec.subject, inner.get(spec.subject)))
        for what, (name, value) in named.items():
            if isinstance(value, str | int) and name not in spec.privacy:
                entry[what] = str(value)
    return entry
