"""The registry: models taken in and given out, where they come from, what is let go; nothing that was touched is opened."""

import json
import math
import os
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


@pytest.mark.slow
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


# -- what is taken in --------------------------------------------------------------------------------------------------
def onnx_file(path):
    types = [("distance", FloatTensorType([None, 1]))]
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(INPUTS[["distance"]], TRUTH)
    path.write_bytes(to_onnx(model, initial_types=types).SerializeToString())
    return path


def test_onnx_is_taken_in_and_answers(ws, tmp_path):
    view = ws.import_version("eta", onnx_file(tmp_path / "m.onnx"))
    ws.deploy("eta", view["version"], role="champion")
    answer = ws.predict("eta", [{"distance": 10.0, "city": "Rome"}])[0]["prediction"]
    known = LinearRegression().fit(INPUTS[["distance"]], TRUTH).predict(pd.DataFrame({"distance": [10.0]}))[0]
    assert answer == pytest.approx(known, rel=1e-5)
    assert ws.lineage("eta", view["version"])["artefact_format"] == "onnx"


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_in_onnx_scores_its_positive_class(ws, tmp_path, zipmap):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(INPUTS[["distance"]], CLASSES)
    made = to_onnx(
        model, initial_types=[("distance", FloatTensorType([None, 1]))], options={id(model[-1]): {"zipmap": zipmap}}
    )
    (tmp_path / "c.onnx").write_bytes(made.SerializeToString())
    view = ws.import_version("late", tmp_path / "c.onnx")
    ws.deploy("late", view["version"], role="champion")
    answer = ws.predict("late", [{"distance": 20.0, "city": "Oslo"}])[0]
    expected = model.predict_proba(pd.DataFrame({"distance": [20.0]}))[0, list(model.classes_).index("late")]
    assert answer["score"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("dump", "name"), [(joblib.dump, "m.joblib"), (lambda m, p: p.write_bytes(pickle.dumps(m)), "m.pkl")]
)
def test_a_pickle_is_opened_only_when_the_operator_says_so(home, tmp_path, dump, name):
    dump(linear(), tmp_path / name)
    with (
        LocalWorkspace.open(home, now=lambda: NOW) as ws,
        pytest.raises(WorkspaceError, match=r"allow_pickle is off.*skops or as ONNX"),
    ):
        ws.import_version("eta", tmp_path / name)
    (home / "settings.toml").write_text("allow_pickle = true\n")
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        view = ws.import_version("eta", tmp_path / name)
        ws.deploy("eta", view["version"], role="champion")
        assert math.isfinite(ws.predict("eta", [{"distance": 1.0, "city": "Rome"}])[0]["prediction"])
    (home / "settings.toml").write_text("allow_pickle = false\n")
    with LocalWorkspace.open(home, now=lambda: NOW) as ws, pytest.raises(WorkspaceError, match="allow_pickle is off"):
        ws.predict("eta", [{"distance": 1.0, "city": "Rome"}])


class Bomb:
    """What a hostile pickle does when it is opened."""

    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_that_was_put_in_place_of_a_signed_one_never_runs(home, tmp_path, monkeypatch):
    """Even with the hash in the record changed: whoever can write to the home's files does not hold its key."""
    monkeypatch.chdir(tmp_path)
    joblib.dump(linear(), tmp_path / "m.joblib")
    (home / "settings.toml").write_text("allow_pickle = true\n")
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        view = ws.import_version("eta", tmp_path / "m.joblib")
        from retraining import registry

        path = kept(ws, "eta", view["version"])
        first, signature = path.read_bytes()[:26], path.read_bytes()[26:58]
        assert first == b"driftdeck signed pickle 1\n"
        path.write_bytes(first + signature + pickle.dumps(Bomb()))
        import hashlib

        with pytest.raises(registry.TamperedArtefactError, match="signature"):
            registry.load(path, hashlib.sha256(path.read_bytes()).hexdigest(), ws.core.trust())
        bare = tmp_path / "bare.signed"
        bare.write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(registry.ArtefactError, match="no known format"):
            registry.load(bare, hashlib.sha256(bare.read_bytes()).hexdigest(), ws.core.trust())
    assert not (tmp_path / "exploded").exists()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".skops", ".onnx", ".joblib"])
def test_a_touched_artefact_is_refused_wherever_it_is_used(home, tmp_path, suffix):
    (home / "settings.toml").write_text("allow_pickle = true\n")
    path = tmp_path / f"m{suffix}"
    {
        ".skops": lambda: skops.io.dump(linear(), path),
        ".onnx": lambda: onnx_file(path),
        ".joblib": lambda: joblib.dump(linear(), path),
    }[suffix]()
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        version = ws.import_version("eta", path)["version"]
        ws.deploy("eta", version, role="champion")
        data = bytearray(kept(ws, "eta", version).read_bytes())
        data[len(data) // 2] ^= 1
        kept(ws, "eta", version).write_bytes(data)
        with pytest.raises(WorkspaceError, match="changed since, and was not loaded"):
            ws.predict("eta", [{"distance": 1.0, "city": "Rome"}])
        for kind in ("artefact", "onnx", "parameters"):
            with pytest.raises(ConflictError, match="changed since"):
                ws.export_version("eta", version, kind)
        sound = tmp_path / "sound.skops"
        skops.io.dump(linear(), sound)
        ws.deploy("eta", ws.import_version("eta", sound)["version"], role="champion")
        with pytest.raises(ConflictError, match=f"{version} of 'eta' gets no role: .* changed since"):
            ws.rollback("eta")
        with pytest.raises(ConflictError, match="gets no role"):
            ws.deploy("eta", version, role="champion")
        assert ws.model("eta")["champion"] != version


def mlflow_folder(path, flavour):
    path.mkdir()
    if flavour == "onnx":
        onnx_file(path / "model.onnx")
        flavours = "  onnx:\n    data: model.onnx\n    onnx_version: 1.19.0\n"
    else:
        kind = "skops" if flavour == "skops" else "pkl"
        skops.io.dump(linear(), path / "model.skops") if kind == "skops" else (path / "model.pkl").write_bytes(
            pickle.dumps(linear())
        )
        flavours = f"  sklearn:\n    pickled_model: model.{kind}\n    sklearn_version: 1.9.1\n"
    (path / "MLmodel").write_text(
        f"flavors:\n  python_function:\n    loader_module: x\n{flavours}mlflow_version: 3.4.0\n"
    )
    return path


@pytest.mark.parametrize("flavour", ["onnx", "skops", "pkl"])
def test_an_mlflow_folder_is_taken_in_without_mlflow(home, tmp_path, flavour):
    folder = mlflow_folder(tmp_path / "mlflow", flavour)
    with LocalWorkspace.open(home, now=lambda: NOW) as ws:
        if flavour == "pkl":
            with pytest.raises(WorkspaceError, match="allow_pickle is off"):
                ws.import_version("eta", folder)
            return
        view = ws.import_version("eta", folder)
        assert ws.lineage("eta", view["version"])["libraries"]["mlflow"] == "3.4.0"


def test_an_mlflow_folder_cannot_name_a_file_outside_of_it(ws, tmp_path):
    folder = mlflow_folder(tmp_path / "mlflow", "skops")
    skops.io.dump(linear(), tmp_path / "other.skops")
    (folder / "MLmodel").write_text("flavors:\n  sklearn:\n    pickled_model: ../other.skops\n")
    with pytest.raises(WorkspaceError, match="outside of its folder"):
        ws.import_version("eta", folder)


def refused(estimator):
    def write(path):
        skops.io.dump(estimator, path / "m.skops")
        return path / "m.skops"

    return write


def written(name, content):
    def write(path):
        (path / name).write_bytes(content)
        return path / name

    return write


BARE = OneHotEncoder(handle_unknown="error")
REFUSED = {
    "other columns": (
        refused(LinearRegression().fit(INPUTS[["distance"]].rename(columns={"distance": "km"}), TRUTH)),
        r"\['km'\], which are no declared",
    ),
    "another width": (
        refused(LinearRegression().fit(np.zeros((4, 3)), np.zeros(4))),
        "takes 3 columns without names, and 2 features",
    ),
    "other types": (
        refused(LinearRegression().fit(np.zeros((4, 2)), np.zeros(4))),
        "cannot answer 1,000 logged rows: ValueError",
    ),
    "unseen categories": (
        refused(make_pipeline(make_column_transformer((BARE, ["city"])), Ridge()).fit(INPUTS, TRUTH)),
        r"a category it has not seen in \['city'\]",
    ),
    "no model": (refused(StandardScaler().fit(INPUTS[["distance"]])), "has no attribute 'predict'"),
    "an unknown format": (written("m.txt", b"x"), r"ends in \.onnx, \.joblib, \.pkl, \.pickle, \.skops, or an MLflow"),
    "broken ONNX": (written("m.onnx", b"x"), "is not an ONNX model"),
    "broken skops": (written("m.skops", b"x"), "is not a skops file"),
    "no such file": (lambda path: path / "gone.skops", "cannot be read: No such file"),
    "a folder of something else": (lambda path: path, "holds no file MLmodel"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_words_and_leaves_nothing(ws, tmp_path, case):
    write, words = REFUSED[case]
    with pytest.raises(WorkspaceError, match=words):
        ws.import_version("eta", write(tmp_path))
    assert ws.versions("eta") == []
    assert list(ws.core.home.artefacts.iterdir()) == []


def test_classes_that_are_not_the_labels_are_refused(ws, tmp_path):
    skops.io.dump(make_pipeline(prepared(), LogisticRegression()).fit(INPUTS, CLASSES == "late"), tmp_path / "m.skops")
    with pytest.raises(WorkspaceError, match="the labels are 'in time', 'late'"):
        ws.import_version("late", tmp_path / "m.skops")


def test_a_model_without_names_gets_the_declared_order_and_missing_values_are_told(ws, tmp_path):
    ws.apply('[models.pair]\ntask = "regression"\n[models.pair.features]\na = "numeric"\nb = "numeric"\n')
    values = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame(
        {
            "prediction_id": [f"p{i}" for i in range(200)],
            "event_time": FRAME["event_time"][:200],
            "a": values[:, 0],
            "b": values[:, 1],
        }
    )
    ws.log("pair", frame.assign(prediction=0.0))
    skops.io.dump(LinearRegression().fit(values, values[:, 0] - 2 * values[:, 1]), tmp_path / "m.skops")
    view = ws.import_version("pair", tmp_path / "m.skops")
    notes = " ".join(ws.lineage("pair", view["version"])["notes"])
    assert "['a', 'b'] in this order" in notes
    assert "cannot answer rows in which ['a', 'b'] are missing" in notes
    assert view["reference_version"] is None  # no label is there
    ws.deploy("pair", view["version"], role="champion")
    assert ws.predict("pair", [{"a": 3.0, "b": 1.0}])[0]["prediction"] == pytest.approx(1.0)


def test_names_of_versions_are_unique_and_plain(ws, tmp_path):
    skops.io.dump(linear(), tmp_path / "m.skops")
    ws.import_version("eta", tmp_path / "m.skops", version="v7")
    with pytest.raises(ConflictError, match="'v7' of model 'eta' is registered already"):
        ws.import_version("eta", tmp_path / "m.skops", version="v7")
    with pytest.raises(WorkspaceError, match="is no name"):
        ws.import_version("eta", tmp_path / "m.skops", version="../v8")
    assert ws.import_version("eta", tmp_path / "m.skops")["version"] == "v8"


def test_without_rows_nothing_is_believed(ws, tmp_path):
    ws.apply('[models.blank]\ntask = "regression"\n[models.blank.features]\na = "numeric"\n')
    skops.io.dump(linear(), tmp_path / "m.skops")
    with pytest.raises(WorkspaceError, match="which are no declared features"):
        ws.import_version("blank", tmp_path / "m.skops")
    skops.io.dump(LinearRegression().fit(np.zeros((3, 1)), np.zeros(3)), tmp_path / "m.skops")
    with pytest.raises(ConflictError, match="no row to check a model on"):
        ws.import_version("blank", tmp_path / "m.skops")


# -- what is given out -------------------------------------------------------------------------------------------------
def by_hand(document, row):
    """Predict as docs/registry.md tells a stranger to, with nothing but the document."""
    sums = list(document["intercept"])
    for term in document["terms"]:
        value = row[term["feature"]]
        if value is None:
            added = term["missing"]
        elif "per_unit" in term:
            added = [weight * value for weight in term["per_unit"]]
        else:
            added = term["categories"].get(value, [0.0] * len(sums))
        sums = [total + more for total, more in zip(sums, added, strict=True)]
    if document["answer"] == "logistic":
        return 1 / (1 + math.exp(-sums[0]))
    assert document["answer"] == "identity"
    return sums[0]


ASKED = [{"distance": d, "city": c} for d in (0.0, 17.5, None) for c in ("Rome", "Bern", "nowhere", None)]


@pytest.mark.parametrize("model", ["eta", "late"])
def test_a_stranger_predicts_from_the_parameters_by_hand(ws, tmp_path, model):
    estimator = linear() if model == "eta" else classifier()
    skops.io.dump(estimator, tmp_path / "m.skops")
    version = ws.import_version(model, tmp_path / "m.skops")["version"]
    document = json.loads(ws.export_version(model, version, "parameters").read_text())
    ws.deploy(model, version, role="champion")
    answers = ws.predict(model, ASKED)
    key = "prediction" if model == "eta" else "score"
    by_itself = [by_hand(document, row) for row in ASKED]
    if model == "late":
        assert document["outputs"] == ["late"]
    assert [answer[key] for answer in answers] == pytest.approx(by_itself, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["eta", "late"])
def test_what_is_written_as_onnx_comes_back_as_the_same_model(ws, tmp_path, model):
    skops.io.dump(linear() if model == "eta" else classifier(), tmp_path / "m.skops")
    first = ws.import_version(model, tmp_path / "m.skops")["version"]
    file = ws.export_version(model, first, "onnx")
    assert file.parent == ws.core.home.root / "exports"
    second = ws.import_version(model, file)["version"]
    answers = []
    for version in (first, second):
        ws.deploy(model, version, role="champion")
        found = ws.predict(model, ASKED)
        answers.append([row["prediction"] if model == "eta" else row["score"] for row in found])
    assert answers[1] == pytest.approx(answers[0], rel=1e-4, abs=1e-6)  # single precision


def test_an_artefact_is_written_as_it_is_kept(ws, tmp_path):
    skops.io.dump(linear(), tmp_path / "m.skops")
    version = ws.import_version("eta", tmp_path / "m.skops")["version"]
    assert ws.export_version("eta", version, "artefact").read_bytes() == (tmp_path / "m.skops").read_bytes()


def test_the_folder_of_exports_keeps_the_latest(ws, tmp_path):
    path = tmp_path / "m.skops"
    skops.io.dump(linear(), path)
    version = ws.import_version("eta", path)["version"]
    folder = ws.export_version("eta", version, "artefact").parent
    for number in range(30):
        old = folder / f"old-{number}.onnx"
        old.write_bytes(b"")
        os.utime(old, (1_000_000 + number, 1_000_000 + number))
    written = ws.export_version("eta", version, "parameters")
    left = {found.name for found in folder.iterdir()}
    assert len(left) == 20
    assert written.name in left
    assert "old-29.onnx" in left
    assert "old-0.onnx" not in left


def test_a_forest_has_no_parameters_and_says_so(ws, tmp_path):
    skops.io.dump(make_pipeline(prepared(), RandomForestRegressor(3)).fit(INPUTS, TRUTH), tmp_path / "m.skops")
    version = ws.import_version("eta", tmp_path / "m.skops")["version"]
    with pytest.raises(ConflictError, match="no linear model but a RandomForestRegressor"):
        ws.export_version("eta", version, "parameters")
    assert onnx.load(ws.export_version("eta", version, "onnx")).producer_name == "driftdeck"
    with pytest.raises(WorkspaceError, match="choose artefact, onnx, parameters"):
        ws.export_version("eta", version, "pmml")
    with pytest.raises(NotFoundError, match="has no version 'v99'"):
        ws.export_version("eta", "v99", "onnx")


# -- what is let go ----------------------------------------------------------------------------------------------------
@pytest.fixture
def several(ws, tmp_path):
    """Champions v1, v2, v3 and v4 in turn, v5 a canary, v6 archived, v7 waiting."""
    skops.io.dump(linear(), tmp_path / "m.skops")
    for number in range(1, 8):
        ws.import_version("eta", tmp_path / "m.skops", version=f"v{number}")
    for number in range(1, 5):
        ws.deploy("eta", f"v{number}", role="champion")
    ws.deploy("eta", "v5", role="canary", share=0.1)
    ws.deploy("eta", "v6", role="archived")
    return ws


def present(ws):
    return [view["version"] for view in reversed(ws.versions("eta")) if kept(ws, "eta", view["version"]).exists()]


@pytest.mark.slow
def test_only_archived_artefacts_go_and_records_stay(several):
    roles = several.core.roles("eta")
    assert (roles.champion, roles.former[-1]) == ("v4", "v3")
    gone = several.prune_versions("eta", keep=1, actor="ana")
    assert [entry["version"] for entry in gone] == ["v2", "v1"]
    assert present(several) == ["v3", "v4", "v5", "v6", "v7"]
    assert several.prune_versions("eta", keep=1) == []
    assert [entry["version"] for entry in several.prune_versions("eta", keep=0)] == ["v6"]
    assert len(several.versions("eta")) == 7
    view = several.lineage("eta", "v1")
    assert (view["artefact_bytes"], view["artefact_format"]) == (0, "skops")
    assert any("was deleted on" in note for note in view["notes"])
    assert {entry["actor"] for entry in several.audit() if entry["action"] == "prune"} == {"ana", "cli"}


@pytest.mark.slow
def test_what_was_let_go_gets_no_role_and_is_not_written(several):
    several.prune_versions("eta", keep=0)
    with pytest.raises(ConflictError, match="deleted on 01 Apr 2024 to save space"):
        several.deploy("eta", "v1", role="shadow")
    with pytest.raises(ConflictError, match="its record stays"):
        several.export_version("eta", "v2", "artefact")
    assert several.rollback("eta")["version"] == "v3"
    with pytest.raises(ConflictError, match="the artefact of v2 was deleted"):
        several.rollback("eta")
    assert several.core.roles("eta").champion == "v3"


@pytest.mark.slow
def test_a_declared_number_of_artefacts_stays(ws, tmp_path):
    ws.apply(DECLARATION + "\n[models.eta.retrain]\nkeep_versions = 2\n")
    skops.io.dump(linear(), tmp_path / "m.skops")
    for number in range(1, 8):
        ws.import_version("eta", tmp_path / "m.skops", version=f"v{number}")
        ws.deploy("eta", f"v{number}", role="champion")
    ws.import_version("eta", tmp_path / "m.skops")
    assert present(ws) == ["v4", "v5", "v6", "v7", "v8"]
