"""What a model's declaration says of a file's columns."""

from __future__ import annotations

from reference_data.declaration import ModelSpec
from storage.file_formats.column_types import Kinds

_OURS = {
    "prediction_id": "categorical",
    "model_version": "categorical",
    "kind": "categorical",
    "event_time": "datetime",
    "label_time": "datetime",
    "latency_ms": "numeric",
}


def declared_kinds(spec: ModelSpec) -> Kinds:
    """Return the type of every column that the model knows by name, so that a code such as 00501 stays what it is."""
    outcome = "numeric" if spec.task in ("regression", "ranking") else "categorical"
    kinds = dict(_OURS) | dict.fromkeys({spec.prediction or "prediction", "prediction"}, outcome)
    if not spec.feedback:  # of which each kind has a type of its own, in the same column
        kinds |= dict.fromkeys({spec.label or "label", "label"}, outcome)
    scores = spec.score.values() if isinstance(spec.score, dict) else [spec.score or "score"]
    kinds |= dict.fromkeys(scores, "numeric")
    named = {spec.id: "categorical", spec.subject: "categorical", spec.time: "datetime"}
    kinds |= {name: kind for name, kind in named.items() if name is not None}
    return kinds | {column.name: column.type for column in spec.columns}
