"""The registry: models taken in and given out, where they come from, what is let go; nothing that was touched is opened."""

import json
import math
import pickle
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
import skops.io
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from service.local import LocalWorkspace
from service.workspace import ConflictError, NotFoundError, WorkspaceError

NOW = datetime(2024, 4, 1, tzinfo=UTC)
DECLARATION = """
[models.eta]
task = "regression"
timezone = "UTC"

[models.eta.features]
distance = "numeric"
city = "categorical"

[models.eta.monitor]
window = "1w"

[models.late]
task = "binary"
timezone = "UTC"
positive = "late"

[models.late.features]
distance = "numeric"
city = "categorical"
"""


def rows(count=1200):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "prediction_id": [f"r{i}" for i in range(count)],
            "event_time": pd.date_range("2024-01-01", periods=count, freq="1h", tz="UTC"),
            "model_version": "elsewhere",
            "distance": rng.uniform(1, 50, count),
            "city": rng.choice(["Rome", "Oslo", "Bern"], count),
        }
    )
    truth = 3 * frame["distance"] + (frame["city"] == "Rome") * 10 + rng.normal(0, 1, count)
    return frame, truth


FRAME, TRUTH = rows()
INPUTS = FRAME[["distance", "city"]]
CLASSES = np.where(TRUTH > 80, "late", "in time")


def prepared():
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer((numbers, ["distance"]), (OneHotEncoder(handle_unknown="ignore"), ["city"]))


def linear():
    return make_pipeline(prepared(), Ridge()).fit(INPUTS, TRUTH)


def classifier():
    return make_pipeline(prepared(), LogisticRegression()).fit(INPUTS, CLASSES)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    home = tmp_path_factory.mktemp("registry") / "home"
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        ws.apply(DECLARATION)
        for name, label in (("eta", TRUTH), ("late", pd.Series(CLASSES))):
            guess = label if name == "late" else label + 1
            ws.log(name, FRAME.assign(prediction=guess.to_numpy()))
            ws.label(name, pd.DataFrame({"prediction_id": FRAME["prediction_id"], "label": label.to_numpy()}))
    return home


@pytest.fixture
def home(filled, tmp_path):
    import shutil

    return Path(shutil.copytree(filled, tmp_path / "home"))


@pytest.fixture
def ws(home):
    with LocalWorkspace.open(home, now=lambda: NOW) as workspace:
        yield workspace


def kept(ws, model, version):
    return ws.core.home.artefacts / ws.core.version(model, version)["artefact"]


def test_a_stranger_pipeline_serves_shadows_and_is_rolled_back(ws, tmp_path):
    skops.io.dump(linear(), tmp_path / "a.skops")
    first = ws.import_version("eta", tmp_path / "a.skops", comment="from the notebook", actor="ana")
    assert (first["version"], first["trainer"], first["gate_verdict"]) == ("v1", "imported", "none")
    assert first["reference_version"] is not None
    second = ws.import_version("eta", tmp_path / "a.skops", version="second")
    assert second["reference_version"] != first["reference_version"]
    ws.deploy("eta", "v1", role="champion")
    ws.deploy("eta", "second", role="champion")
    assert ws.rollback("eta")["version"] == "v1"
    answer = ws.predict("eta", [{"distance": 10.0, "city": "Rome"}, {"distance": 10.0, "city": "nowhere"}])
    own = linear().predict(pd.DataFrame({"distance": [10.0, 10.0], "city": ["Rome", "nowhere"]}))
    assert [row["prediction"] for row in answer] == pytest.approx(own.tolist())
    view = ws.lineage("eta", "v1")
    assert (view["origin"], view["reason"], view["artefact_format"]) == ("imported", "from the notebook", "skops")
    assert [event["role"] for event in view["deployments"]] == ["champion", "rollback"]
    assert view["artefact_bytes"] == kept(ws, "eta", "v1").stat().st_size
