"""Our estimates of a case, and what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from monitors.estimates._rows import read_rows
from monitors.estimates.estimator import Estimator, fit
from monitors.estimates.expected import mean_losses, several_classes, two_classes
from reference_data.declaration import ModelSpec

if TYPE_CHECKING:
    from benchmarks.estimates.cases import Case

METRICS = {
    "binary": ("accuracy", "f1", "roc_auc"),
    "multiclass": ("accuracy", "f1", "roc_auc_ovr"),
    "regression": ("mae", "rmse"),
}


def spec_of(case: Case) -> ModelSpec:
    """Return the declaration of a case's model."""
    features = dict.fromkeys(case.numeric, "numeric") | dict.fromkeys(case.categorical, "categorical")
    return ModelSpec(name="m", task=case.task, features=features, positive="1" if case.task == "binary" else None)


def table(case: Case, frame: pd.DataFrame) -> pa.Table:
    """Return rows as a reference keeps them."""
    names = [*case.numeric, *case.categorical, "prediction", "label"]
    held: dict[str, Any] = {name: frame[name].to_numpy() for name in names}
    if case.task != "regression":
        held |= {name: frame[name].astype(str).to_numpy() for name in ("prediction", "label")}
    held |= {name: frame[name].astype(str).to_numpy() for name in case.categorical}
    if case.task == "binary":
        held["score"] = frame["score"].to_numpy()
    found = pa.table({name: pa.array(values) for name, values in held.items()})
    if case.task == "multiclass":
        pairs = [
            list(zip(case.classes, row, strict=True)) for row in frame[[f"score_{c}" for c in case.classes]].to_numpy()
        ]
        found = found.append_column("scores", pa.array(pairs, pa.map_(pa.string(), pa.float64())))
    return found


def learned(case: Case) -> Estimator:
    """Fit the reference of a case."""
    reference = case.reference
    return fit(spec_of(case), "1", table(case, reference), None, reference["window"].to_numpy(dtype=np.intp))


def realised(case: Case, estimator: Estimator, frame: pd.DataFrame) -> dict[str, float]:
    """Return what the metrics came to."""
    rows = read_rows(spec_of(case), estimator.coder, table(case, frame), None, estimator.rows.classes, labelled=True)
    if case.task == "regression":
        found = mean_losses(rows.losses, dict.fromkeys(rows.losses, 0.0))
    else:
        truth = np.eye(len(rows.classes))[rows.label]
        scores = rows.scores
        found = (
            two_classes(truth[:, 1], rows.predicted == 1, None if scores is None else scores[:, 1])
            if case.task == "binary"
            else several_classes(truth, rows.predicted, scores)
        )
    return {name: found[name].value for name in METRICS[case.task]}
