"""ONNX: a graph of arithmetic that any language can run. Needs the extra ``onnx``; a model that is not the same in it is not written."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from retraining.artefacts import ExportError, Format, Given, Trust
from retraining.fitted import as_learned
from retraining.onnx_models import CLASSES, OnnxModel, open_model
from retraining.probing import encoders_of, probe_rows

#: Single precision has seven digits; more than this is another model.
_RELATIVE, _SAME = 1e-3, 0.99
_INSTEAD = "export its artefact instead, or train with an estimator that can be converted (linear models, decision trees, random forests)"


def _load(data: bytes, path: Path, _trust: Trust) -> Any:
    return open_model(data, str(path))


def _take(data: bytes, path: Path, _trust: Trust) -> bytes:
    open_model(data, str(path))
    return data


def _dump(given: Given) -> bytes:
    name = f"{given.name} {given.version}"
    if isinstance(given.estimator, OnnxModel):
        raise ExportError(f"{name} is ONNX already; export its artefact")
    try:
        import onnx
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    except ImportError:
        raise ExportError("ONNX needs skl2onnx and onnxruntime: pip install 'driftdeck[onnx]'") from None
    types = [
        (column.name, (StringTensorType if column.type == "categorical" else FloatTensorType)([None, 1]))
        for column in given.features
    ]
    estimator = _without_missing(given.estimator)
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    options = {} if given.task == "regression" else {id(last): {"zipmap": False}}
    try:
        model = to_onnx(estimator, initial_types=types, options=options)
    except Exception as error:  # a converter's own, one for each of its many steps
        words = str(error).splitlines()[0][:200] if str(error) else ""
        raise ExportError(f"{name} cannot be written as ONNX: {type(error).__name__}: {words}; {_INSTEAD}") from error
    model.producer_name, model.doc_string = "driftdeck", name
    if given.task != "regression":
        classes = json.dumps([str(label) for label in given.estimator.classes_])
        onnx.helper.set_model_props(model, {CLASSES: classes})
    data: bytes = model.SerializeToString()
    _refuse_other(given, open_model(data, name), name)
    return data


def _without_missing(estimator: Any) -> Any:
    """Return a copy whose encoders know a missing category as the empty text: texts in ONNX are never missing."""
    copy = deepcopy(estimator)
    for encoder, _ in encoders_of(copy, []):
        encoder.categories_ = [
            np.array(["" if value is None or value != value else value for value in values], dtype=object)  # noqa: PLR0124
            for values in encoder.categories_
        ]
    return copy


def _refuse_other(given: Given, model: OnnxModel, name: str) -> None:
    """Hold what was written against the model on made-up rows; a value at a threshold may round to either side."""
    rows = probe_rows(given.estimator, given.features, missing=False)
    numbers = [column.name for column in given.features if column.type != "categorical"]
    rows = rows.astype(dict.fromkeys(numbers, np.float32)).astype(dict.fromkeys(numbers, np.float64))
    inputs = as_learned(given.estimator, rows)
    scored = hasattr(given.estimator, "predict_proba") and hasattr(model, "predict_proba")
    if scored or given.task == "regression":
        ask = "predict_proba" if scored else "predict"
        one = np.asarray(getattr(given.estimator, ask)(inputs), dtype=np.float64).reshape(len(rows), -1)
        other = np.asarray(getattr(model, ask)(rows), dtype=np.float64).reshape(len(rows), -1)
        same = np.isclose(
            one, other, rtol=_RELATIVE, atol=_RELATIVE * (1.0 if scored else float(np.median(np.abs(one))))
        ).all(axis=1)
    else:
        same = np.asarray(given.estimator.predict(inputs)).astype(str) == model.predict(rows).astype(str)
    if same.mean() < _SAME:
        raise ExportError(
            f"{name} answers {1 - same.mean():.0%} of {len(rows)} made-up rows otherwise in ONNX, so it was not written; {_INSTEAD}"
        )


FORMAT = Format("onnx", ".onnx", lambda _data, suffix: suffix == ".onnx", _load, _take, (".onnx",), _dump)
