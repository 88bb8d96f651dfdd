"""A training script of one's own: what it gets, what it may leave, what becomes of its version."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reference_data.training import Retrain
from retraining import registry
from retraining.fitted import FittedModel
from retraining.own_command import CommandError, run
from retraining.trainers.command import TRAINER
from retraining.types import TrainingError
from tests.support.training_rows import train_request

TRAIN = """
import json, os, sys
import pyarrow.parquet as pq
data, out = sys.argv[1:]
rows, asked = pq.read_table(data).to_pydict(), json.load(open(os.environ["DRIFTDECK_REQUEST"]))
mean = None if asked["classes"] else sum(rows["label"]) / len(rows["label"])
json.dump({"mean": mean, "classes": asked["classes"]}, open(os.path.join(out, "model.json"), "w"))
json.dump({"metrics": {"n": len(rows["size"])}, "params": {"seen": sorted(os.environ)}}, open(os.path.join(out, "metrics.json"), "w"))
"""
PREDICT = """
import json, sys
model = json.load(open(sys.argv[1] + "/model.json"))
for line in sys.stdin:
    row = json.loads(line)
    if model["classes"]:
        print(json.dumps({"scores": {name: 1 + (name == "yes") for name in model["classes"]}}))
    else:
        print(json.dumps({"prediction": model["mean"] + (row["size"] or 0)}))
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "predict.py").write_text(PREDICT)
    return folder


def fit(code: Path, task: str = "regression", **declared):
    training = Retrain(**({"command": ["python", "train.py"], "predict": ["python", "predict.py"]} | declared))
    return TRAINER.fit(train_request(task, training=training, params={}, folder=code))


@pytest.mark.slow
def test_a_script_trains_and_another_answers(code, tmp_path, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "s3cret")
    monkeypatch.setenv("DRIFTDECK_TOKEN", "s3cret")
    request, result = train_request(), fit(code)
    model = FittedModel(result.estimator, result.features, "regression")
    found = model.predict(request.frame.head(20)).predicted
    np.testing.assert_allclose(found, request.label.mean() + request.frame["size"].head(20))
    assert result.details["command"]["metrics"] == {"n": 1400}
    assert not {"WAREHOUSE_PASSWORD", "DRIFTDECK_TOKEN"} & set(result.params["seen"])
    sha256 = registry.save(result.estimator, tmp_path / "m")
    (code / "predict.py").write_text("raise SystemExit(1)")  # a version keeps the code it was made by
    loaded = FittedModel(registry.load(tmp_path / "m", sha256), result.features, "regression")
    np.testing.assert_array_equal(loaded.predict(request.frame.head(20)).predicted, found)
    data = (tmp_path / "m").read_bytes()
    (tmp_path / "m").write_bytes(data[:-1] + b"x")
    with pytest.raises(registry.TamperedArtefactError):
        registry.load(tmp_path / "m", sha256)


@pytest.mark.slow
def test_scores_become_probabilities(code):
    result = fit(code, "binary")
    found = FittedModel(result.estimator, result.features, "binary").predict(train_request("binary").frame.head(2))
    assert found.classes == ("no", "yes")
    assert found.scores is not None
    np.testing.assert_allclose(found.scores[0], [1 / 3, 2 / 3])
    assert list(found.predicted) == ["yes", "yes"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "declared", "words"),
    [
        ("raise SystemExit('out of luck')", {}, "ended with exit code 1; the last it said was: out of luck"),
        ("import time; time.sleep(60)", {"timeout": "1s"}, "took longer than 1 s and was ended"),
        ("", {"predict": []}, "left no model.skops in its folder, but nothing"),
        (TRAIN, {"command": ["no-such-program"]}, "'no-such-program .*cannot be started"),
        (TRAIN, {"predict": ["python", "-c", "print('hello')"]}, "no JSON objects"),
        (TRAIN, {"predict": ["python", "-c", "print('{}')"]}, "1 answers to 5 rows"),
        (TRAIN, {"predict": ["python", "-c", "import sys\nfor _ in sys.stdin: print('{}')"]}, "each line is an object"),
    ],
)
def test_what_goes_wrong_is_said_in_the_scripts_words(code, script, declared, words):
    (code / "train.py").write_text(script)
    with pytest.raises(TrainingError, match=words):
        fit(code, **declared)


def test_without_a_folder_there_is_no_script():
    with pytest.raises(TrainingError, match="there is no folder 'training' in the home"):
        TRAINER.fit(train_request(training=Retrain(command=["x"]), params={}))


@pytest.mark.slow
def test_a_command_that_runs_out_of_time_takes_its_children_along(tmp_path):
    child = f"import subprocess, sys, time; p = subprocess.Popen([{sys.executable!r}, '-c', 'import time; time.sleep(60)'])\n"
    child += "open('pid', 'w').write(str(p.pid)); time.sleep(60)"
    with pytest.raises(CommandError, match="was ended"):
        run(["python", "-c", child], cwd=tmp_path, extra={}, seconds=5)
    pid = (tmp_path / "pid").read_text()
    status = Path(f"/proc/{pid}/stat")
    end = time.monotonic() + 30  # a killed process may still stand in the list for a moment
    while status.exists() and status.read_text().split()[2] != "Z" and time.monotonic() < end:
        time.sleep(0.05)
    assert not status.exists() or status.read_text().split()[2] == "Z"
