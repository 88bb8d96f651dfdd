"""The parameters of a linear model as JSON, preparation included: whoever can add and multiply can predict with them.

docs/registry.md says how. Only written, never loaded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_data.schema import Column
from retraining.artefacts import ExportError, Format, Given
from retraining.fitted import as_learned
from retraining.probing import UNSEEN, categories_of, probe_rows

#: What a linear model may be prepared by: each takes one column, and numbers it only shifts and stretches.
_PREPARED = frozenset(
    {
        "MaxAbsScaler", "MinMaxScaler", "OneHotEncoder", "OrdinalEncoder", "RobustScaler", "SimpleImputer", "StandardScaler",
        "TargetEncoder",
    }
)  # fmt: skip
_INSTEAD = "export its artefact or ONNX instead, or train with a linear model such as 'sklearn.linear_model.Ridge'"
_SAME = 1e-9


def _dump(given: Given) -> bytes:
    name = f"{given.name} {given.version}"
    steps = [part for _, part in given.estimator.steps] if hasattr(given.estimator, "steps") else [given.estimator]
    model = steps[-1]
    if not hasattr(model, "coef_") or not hasattr(model, "intercept_"):
        raise ExportError(
            f"{name} is no linear model but a {type(model).__name__}, which has no parameters to read; {_INSTEAD}"
        )
    for step in steps[:-1]:
        _refuse_mixing(step, name)
    rows = probe_rows(given.estimator, given.features)
    document = {
        "format": "driftdeck parameters 1",
        "model": given.name,
        "version": given.version,
        "task": given.task,
        "estimator": type(model).__name__,
        "features": [{"name": column.name, "type": column.type} for column in given.features],
        **_terms(given, steps[:-1], model),
    }
    document["answer"] = _answer(
        given,
        model,
        scores(document, [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]),
        rows,
        name,
    )
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False).encode()


def _refuse_mixing(part: Any, name: str) -> None:
    """Refuse preparation that makes one number of several columns, or bends it."""
    if hasattr(part, "transformers_"):
        for _, inner, _columns in part.transformers_:
            _refuse_mixing(inner, name)
    elif hasattr(part, "steps"):
        for _, inner in part.steps:
            _refuse_mixing(inner, name)
    elif isinstance(part, str):  # passthrough, drop
        return
    elif type(part).__name__ not in _PREPARED and type(part).__name__ != "FunctionTransformer":
        raise ExportError(
            f"{name} prepares its columns with {type(part).__name__}, which no sum of terms can say; {_INSTEAD}"
        )
    elif type(part).__name__ == "FunctionTransformer" and part.func is not None:
        raise ExportError(f"{name} prepares its columns with a function, which no sum of terms can say; {_INSTEAD}")


def _terms(given: Given, preparation: Sequence[Any], model: Any) -> dict[str, Any]:
    """Return ``outputs``, ``intercept`` and ``terms``: what each column adds to each output, with 0 and unseen categories as nothing."""
    import pandas as pd

    features = given.features
    known = categories_of(given.estimator, features)
    base = {column.name: UNSEEN if column.type == "categorical" else 0.0 for column in features}
    rows: list[dict[str, Any]] = [base]
    for column in features:
        values = [*known.get(column.name, []), np.nan] if column.type == "categorical" else [1.0, np.nan]
        rows += [base | {column.name: value} for value in values]
    frame = pd.DataFrame(rows, columns=[column.name for column in features])
    try:
        found = _linear(frame, preparation, model)
    except ValueError:  # it takes no missing values: there is nothing to say of them
        full = frame.notna().all(axis=1).to_numpy()
        found = np.full((len(frame), np.atleast_2d(model.coef_).shape[0]), np.nan)
        found[full] = _linear(frame[full], preparation, model)
    added = iter(found[1:] - found[0])
    terms = [_term(column, known.get(column.name, []), added) for column in features]
    classes = [str(label) for label in getattr(model, "classes_", [])]
    outputs = classes[1:] if len(classes) == 2 else classes or ["prediction"]
    return {"outputs": outputs, "classes": classes, "intercept": found[0].tolist(), "terms": terms}


def _term(column: Column, categories: Sequence[str], added: Any) -> dict[str, Any]:
    def weights() -> list[float] | None:
        values = next(added)
        return values.tolist() if np.isfinite(values).all() else None

    if column.type != "categorical":
        return {"feature": column.name, "per_unit": weights(), "missing": weights()}
    return {"feature": column.name, "categories": {name: weights() for name in categories}, "missing": weights()}


def _linear(frame: Any, preparation: Sequence[Any], model: Any) -> NDArray[np.float64]:
    """Return the model's sums for rows, shape (n, outputs), before any link."""
    inputs = as_learned(preparation[0] if preparation else model, frame)
    for step in preparation:
        inputs = step.transform(inputs)
    dense = inputs.toarray() if hasattr(inputs, "toarray") else np.asarray(inputs, dtype=np.float64)
    return np.asarray(dense @ np.atleast_2d(model.coef_).T + np.atleast_1d(model.intercept_), dtype=np.float64)


def scores(document: dict[str, Any], rows: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
    """Return the sums that a document of this format gives for rows, shape (n, outputs); NaN where it does not say."""
    nothing = [0.0] * len(document["outputs"])
    unknown = [float("nan")] * len(document["outputs"])
    found = []
    for row in rows:
        total = np.array(document["intercept"])
        for term in document["terms"]:
            value = row[term["feature"]]
            if value is None or value != value:  # noqa: PLR0124  NaN
                total = total + np.array(term["missing"] or unknown)
            elif "per_unit" in term:
                total = total + value * np.array(term["per_unit"])
            else:
                total = total + np.array(term["categories"].get(value, nothing))
        found.append(total)
    return np.array(found)


def _answer(given: Given, model: Any, sums: NDArray[np.float64], rows: Any, name: str) -> str:
    """Return how sums become answers: the way in which they become the model's own; raises :class:`ExportError` when none does."""
    said = np.isfinite(sums).all(axis=1)
    sums, inputs = sums[said], as_learned(given.estimator, rows[said])
    scored = given.task != "regression" and hasattr(given.estimator, "predict_proba")
    with np.errstate(over="ignore"):  # made-up rows may lead far
        own = np.asarray(given.estimator.predict_proba(inputs) if scored else given.estimator.predict(inputs))
        ways = _numbers(sums) if given.task == "regression" else _probabilities(sums) if scored else {}
    if given.task != "regression" and not scored:
        place = (sums[:, 0] > 0).astype(int) if sums.shape[1] == 1 else sums.argmax(axis=1)
        if (own.astype(str) == np.asarray(model.classes_)[place].astype(str)).all():
            return "largest"
    own = own.reshape(len(sums), -1)
    for way, values in ways.items():
        near = 0.0 if values.shape != own.shape else _SAME * float(np.median(np.abs(own)))
        if values.shape == own.shape and np.allclose(values, own, rtol=_SAME, atol=near):
            return way
    raise ExportError(
        f"{name} does not answer as a sum of terms ({type(model).__name__}), so nothing was written; {_INSTEAD}"
    )


def _numbers(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {"identity": sums, "exp": np.exp(sums)}


def _probabilities(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    one = 1 / (1 + np.exp(-sums))
    if sums.shape[1] == 1:
        return {"logistic": np.hstack([1 - one, one])}
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    return {
        "softmax": powers / powers.sum(axis=1, keepdims=True),
        "one against the rest": one / one.sum(axis=1, keepdims=True),
    }


FORMAT = Format("parameters", ".json", lambda _data, _suffix: False, dump=_dump)
