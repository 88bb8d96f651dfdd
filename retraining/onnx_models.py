"""Models in ONNX that answer as scikit-learn's do: from a frame of prepared columns. Needs the extra ``onnx``.

A model takes either one input for each column (by name, of shape (n, 1)), or one for all numeric columns in order (n, k). Numbers are
given in the type that the input has; a category that is missing is the empty text, which is a category nobody has.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retraining.artefacts import ArtefactError

if TYPE_CHECKING:
    import pandas as pd

#: Where this library keeps the names of classes in a model's own metadata.
CLASSES = "driftdeck_classes"
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
_TEXT = "tensor(string)"
_EXTRA = "needs onnxruntime: pip install 'driftdeck[onnx]'"


def open_model(data: bytes, where: str) -> OnnxModel:
    """Return the model in these bytes; raises :class:`ArtefactError` for bytes that are none, or that point to other files."""
    try:
        import onnx
        import onnxruntime
    except ImportError:
        raise ArtefactError(f"the artefact {where} is ONNX, which {_EXTRA}") from None
    try:
        graph = onnx.load_from_string(data)
        onnx.checker.check_model(graph)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnx and its runtime have exceptions of their own for everything
        raise ArtefactError(f"the artefact {where} is not an ONNX model that can be run: {error}") from error
    classes = _classes(graph)
    return OnnxModel(session, None) if classes is None else _Scored(session, classes)


class OnnxModel:
    """A model that ONNX Runtime runs. Inputs are named as the columns, or are one for all of them."""

    def __init__(self, session: Any, classes: NDArray[Any] | None) -> None:
        """``classes``: in the order of the scores; None where the model has none, or does not say them."""
        self._session = session
        self.classes_ = np.array([], dtype=object) if classes is None else classes

    @cached_property
    def columns(self) -> list[str] | None:
        """Names of the columns that the model takes, None when it takes all numeric ones in order."""
        inputs = self._session.get_inputs()
        return None if len(inputs) == 1 and self.width != 1 else [given.name for given in inputs]

    @cached_property
    def width(self) -> int | None:
        """How many columns its one input takes, None when it does not say (or has several inputs)."""
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            return None
        shape = inputs[0].shape
        return int(shape[1]) if len(shape) == 2 and isinstance(shape[1], int) else None

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Return the model's first output for the rows of a prepared frame, shape (n,)."""
        return np.asarray(self._run(frame)[0]).reshape(len(frame), -1)[:, 0]

    def _run(self, frame: pd.DataFrame) -> list[Any]:
        inputs = self._session.get_inputs()
        if self.columns is None:
            given = {inputs[0].name: frame.to_numpy(dtype=_TYPES.get(inputs[0].type, np.float32))}
        else:
            only = len(inputs) == 1 and inputs[0].name not in frame.columns  # one column, by whatever name
            given = {
                one.name: _column(frame.iloc[:, 0] if only else frame[one.name], one.type).reshape(-1, 1)
                for one in inputs
            }
        found: list[Any] = self._session.run(None, given)
        return found


class _Scored(OnnxModel):
    """A classifier that says how likely each class is."""

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the probability of each of ``classes_``, shape (n, classes)."""
        scores = self._run(frame)[1]
        if isinstance(scores, list):  # a map for each row, as skl2onnx has it unless told otherwise
            scores = [[row[name] for name in self.classes_] for row in scores]
        return np.asarray(scores, dtype=np.float64).reshape(len(frame), len(self.classes_))


def _column(values: pd.Series[Any], kind: str) -> NDArray[Any]:
    if kind == _TEXT:
        return values.astype(object).where(values.notna(), "").astype(str).to_numpy(dtype=object)
    return values.to_numpy(dtype=_TYPES.get(kind, np.float32))


def _classes(graph: Any) -> NDArray[Any] | None:
    """Return the names of the classes whose probabilities the second output gives; None for a model without them."""
    for entry in graph.metadata_props:
        if entry.key == CLASSES:
            return np.array(json.loads(entry.value), dtype=object)
    if len(graph.graph.output) < 2:
        return None
    for node in reversed(graph.graph.node):  # the last that knows names is the one that answers
        for attribute in node.attribute:
            if attribute.name in {"classlabels_strings", "classlabels_string"} and attribute.strings:
                return np.array([text.decode() for text in attribute.strings], dtype=object)
            if attribute.name in {"classlabels_int64s", "classlabels_ints"} and attribute.ints:
                return np.array(list(attribute.ints), dtype=object)
    return None
