"""Parameters of linear models say what the model says, whatever its link; what has none is refused in words."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from reference_data.schema import Column
from retraining.artefacts import ExportError, Given
from retraining.registry import formats

FEATURES = (Column("a", "numeric", "feature"), Column("b", "numeric", "feature"))
FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["a", "b"])
COUNT = np.round(np.exp(FRAME["a"] + 0.5 * FRAME["b"]))
KIND = np.where(FRAME["a"] > 0.5, "high", np.where(FRAME["b"] > 0, "mid", "low"))


def given(model, task):
    return Given(model, FEATURES, task, None, "m", "v1")


def dump(name, model):
    write = formats()[name].dump
    assert write is not None
    return write(model)


def sums(document, row):
    totals = list(document["intercept"])
    for term in document["terms"]:
        totals = [total + weight * row[term["feature"]] for total, weight in zip(totals, term["per_unit"], strict=True)]
    return totals


def answered(document, row):
    """What docs/registry.md says of each answer, word by word."""
    found, way = sums(document, row), document["answer"]
    if way == "exp":
        return math.exp(found[0])
    if way == "largest":
        if len(found) == 1:
            return document["outputs"][0] if found[0] > 0 else document["classes"][0]
        return document["outputs"][found.index(max(found))]
    shares = [math.exp(total) if way == "softmax" else 1 / (1 + math.exp(-total)) for total in found]
    return [share / sum(shares) for share in shares]


CASES = {
    "exp": (PoissonRegressor(), COUNT, "regression"),
    "softmax": (LogisticRegression(), KIND, "multiclass"),
    "one against the rest": (SGDClassifier(loss="log_loss", random_state=0), KIND, "multiclass"),
    "largest": (RidgeClassifier(), KIND, "multiclass"),
    "largest of two": (RidgeClassifier(), np.where(KIND == "high", "yes", "no"), "binary"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_document_answers_as_the_model_does(case):
    model, label, task = CASES[case]
    fitted = make_pipeline(StandardScaler(), model).fit(FRAME, label)
    document = json.loads(dump("parameters", given(fitted, task)))
    assert document["answer"] == case.removesuffix(" of two")
    own = fitted.predict_proba(FRAME) if hasattr(fitted, "predict_proba") else fitted.predict(FRAME)
    for row, expected in zip(FRAME.to_dict("records"), own, strict=True):
        found = answered(document, row)
        assert found == expected if isinstance(found, str) else np.allclose(found, expected, rtol=1e-9)


def test_a_model_without_names_is_written_in_the_declared_order():
    fitted = PoissonRegressor().fit(FRAME.to_numpy(), COUNT)
    document = json.loads(dump("parameters", given(fitted, "regression")))
    row = FRAME.iloc[0].to_dict()
    assert answered(document, row) == pytest.approx(fitted.predict(FRAME.to_numpy())[0], rel=1e-9)


REFUSED = {
    "no weights": (HistGradientBoostingRegressor(max_iter=2), "no linear model but a HistGradientBoosting"),
    "products of columns": (
        make_pipeline(PolynomialFeatures(), PoissonRegressor()),
        "PolynomialFeatures, which no sum",
    ),
    "a bent answer": (TransformedTargetRegressor(PoissonRegressor()), "no linear model but a TransformedTarget"),
    "several models": (OneVsRestClassifier(LogisticRegression()), "no linear model but a OneVsRest"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_sum_is_not_written(case):
    model, words = REFUSED[case]
    with pytest.raises(ExportError, match=words):
        dump("parameters", given(model.fit(FRAME, COUNT), "regression"))


def test_what_onnx_cannot_hold_is_not_written():
    model = make_pipeline(HistGradientBoostingRegressor(max_iter=2, categorical_features=[0]))
    model.fit(FRAME.assign(a=FRAME["a"].round().clip(0, 2)), COUNT)
    with pytest.raises(ExportError, match=r"m v1 .*ONNX.*export its artefact instead"):
        dump("onnx", given(model, "regression"))
