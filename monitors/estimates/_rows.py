"""Rows as an estimator reads them: inputs as a matrix, predictions and labels as places of classes, or losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.estimates._matrix import Coder
from reference_data.declaration import ModelSpec

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
_LEAST_LABEL = 1e-9  # relative errors have no meaning for labels nearer to zero


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """``kept``: places in the table of the rows that can be used. ``scores``: (n, classes); ``losses``: of a regression, by metric."""

    matrix: Numbers
    nominal: list[bool]
    classes: tuple[str, ...]
    predicted: Places
    scores: Numbers | None
    label: Places
    losses: Mapping[str, Numbers]
    kept: Places = field(repr=False)

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, some: NDArray[np.bool_]) -> Rows:
        """Select rows."""
        return Rows(
            self.matrix[some],
            self.nominal,
            self.classes,
            self.predicted[some] if len(self.predicted) else self.predicted,
            None if self.scores is None else self.scores[some],
            self.label[some] if len(self.label) else self.label,
            {name: loss[some] for name, loss in self.losses.items()},
            self.kept[some],
        )


def read_rows(
    spec: ModelSpec,
    coder: Coder,
    table: pa.Table,
    times: pa.ChunkedArray | None,
    classes: tuple[str, ...] = (),
    *,
    positive: str | None = None,
    labelled: bool = False,
) -> Rows:
    """Read a table of inputs, ``prediction``, ``score`` or ``scores`` and, if ``labelled``, ``label``.

    ``classes`` are those that the reference has; left out, they are read off the labels and predictions, for a binary task
    ``(the other, positive)``. Rows that lack a prediction, a score that others have, or a label are left out.
    """
    if spec.task == "regression":
        return _regression(coder, table, times, labelled=labelled)
    return _classification(spec, coder, table, times, classes, positive, labelled=labelled)


def _regression(coder: Coder, table: pa.Table, times: pa.ChunkedArray | None, *, labelled: bool) -> Rows:
    prediction = _numbers(table, "prediction")
    label = _numbers(table, "label") if labelled else np.zeros(len(prediction))
    kept = np.flatnonzero(np.isfinite(prediction) & np.isfinite(label))
    matrix = np.column_stack([coder(table, times), prediction])[kept]
    losses: dict[str, Numbers] = {}
    if labelled:
        error, held = np.abs(prediction - label)[kept], np.abs(label[kept])
        losses = {"mae": error, "mse": error**2}
        if len(held) and held.min() > _LEAST_LABEL * max(float(held.max()), _LEAST_LABEL):
            losses["mape"] = error / held
    none = np.zeros(0, dtype=np.intp)
    return Rows(matrix, [*coder.nominal, False], (), none, None, none, losses, kept)


def _classification(
    spec: ModelSpec, coder: Coder, table: pa.Table, times: pa.ChunkedArray | None, classes: tuple[str, ...],
    positive: str | None, *, labelled: bool,
) -> Rows:  # fmt: skip
    predicted = _texts(table, "prediction")
    label = _texts(table, "label") if labelled else predicted
    if not classes:
        seen = sorted({value for side in (predicted, label) for value in side if value is not None})
        if spec.task == "binary":
            top = positive if positive is not None else (seen[-1] if seen else "")
            classes = (next((value for value in seen if value != top), f"not {top}"), top)
        else:
            classes = tuple(seen)
    place = {name: at for at, name in enumerate(classes)}
    other = 0 if spec.task == "binary" else -1
    said = np.array([-1 if v is None else place.get(v, other) for v in predicted], dtype=np.intp)
    truth = np.array([-1 if v is None else place.get(v, other) for v in label], dtype=np.intp)
    scores = _scores(spec, table, classes)
    usable = (said >= 0) & (truth >= 0)
    if scores is not None:
        usable &= np.isfinite(scores).all(axis=1)
    kept = np.flatnonzero(usable)
    matrix, nominal = coder(table, times), coder.nominal
    if scores is None:  # all that is known of the answer
        matrix, nominal = np.column_stack([matrix, said]), [*nominal, True]
    return Rows(
        matrix[kept],
        nominal,
        classes,
        said[kept],
        None if scores is None else scores[kept],
        truth[kept] if labelled else truth[:0],
        {},
        kept,
    )


def _scores(spec: ModelSpec, table: pa.Table, classes: tuple[str, ...]) -> Numbers | None:
    """Return scores as probabilities of shape (n, classes), None where there are none or they are no probabilities."""
    if spec.task == "binary":
        if "score" not in table.column_names:
            return None
        score = _numbers(table, "score")
        held = score[np.isfinite(score)]
        if not held.size or held.min() < 0 or held.max() > 1:
            return None
        return np.column_stack([1 - score, score])
    if "scores" not in table.column_names or table.column("scores").null_count == table.num_rows:
        return None
    found = np.full((table.num_rows, len(classes)), np.nan)
    held_by: Any = (
        table.column("scores").take(pa.array(np.arange(table.num_rows))).combine_chunks()
    )  # no slice of another
    sizes = np.diff(np.asarray(held_by.offsets)).astype(np.intp)
    row = np.repeat(np.arange(table.num_rows), sizes)
    at = np.asarray(
        pc.fill_null(pc.index_in(pc.cast(held_by.keys, pa.string()), value_set=pa.array(classes)), -1)
    ).astype(np.intp)
    values = np.asarray(held_by.items.to_numpy(zero_copy_only=False), dtype=np.float64)
    known = at >= 0
    found[row[known], at[known]] = values[known]
    some = np.isfinite(found).any(axis=1)
    found[some] = np.nan_to_num(found[some], nan=0.0)
    return found


def _numbers(table: pa.Table, name: str) -> Numbers:
    return np.asarray(pc.cast(table.column(name), pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _texts(table: pa.Table, name: str) -> list[str | None]:
    held: list[str | None] = pc.cast(table.column(name), pa.string()).to_pylist()
    return held
