"""What a newcomer's pipelines, scripts and files must not be able to upset."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from reference_data.training import Retrain
from retraining import environment, job_files, registry, taking_in
from retraining.ageing import Ageing
from retraining.artefacts import Given, Trust
from retraining.fitted import FittedModel
from retraining.job_files import read_result
from retraining.job_runner import JobRunner
from retraining.own_command import CARD, CommandError
from retraining.own_command import run as command
from retraining.parts import in_memory
from retraining.taking_in import TakingInError
from retraining.train_job import run
from retraining.trainers.partitioned import fit
from retraining.types import TrainingError
from tests.support.training_rows import frame, job, spec, train_request

PIPELINE = """
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import HuberRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def make_model():
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]), (SimpleImputer(), ["size"]))
    return make_pipeline(columns, HuberRegressor(max_iter=3))
"""


@pytest.mark.slow
def test_a_pipeline_with_an_imputer_of_its_own_is_registered_with_plain_parameters(tmp_path: Path) -> None:
    code = tmp_path / "training"
    code.mkdir()
    (code / "newcomers_houses.py").write_text(PIPELINE)
    model = spec(retrain={"estimator": "newcomers_houses:make_model"})
    folder = job(tmp_path / "job", frame(), model)
    job_files.write_request(folder, replace(job_files.read_request(folder), code=str(code)))
    assert run(folder) == 0, (folder / job_files.LOG).exists() and (folder / job_files.LOG).read_text()
    result = read_result(folder)
    assert result["params"]["columntransformer__simpleimputer__missing_values"] == "nan"
    assert not {"steps", "columntransformer__transformers"} & result["params"].keys()
    assert all("\n" not in note for note in result["notes"]), "a note is a line"
    assert any("failed to converge" in note for note in result["notes"])


@pytest.mark.slow
def test_a_commands_words_come_while_it_works(tmp_path: Path) -> None:
    heard: list[tuple[float, str]] = []
    script = "import time; print('begun', flush=True); time.sleep(1.5); print('done')"
    command(
        ("python", "-c", script),
        cwd=tmp_path,
        extra={},
        seconds=60,
        say=lambda text: heard.append((time.monotonic(), text)),
    )
    assert [text for _, text in heard] == ["begun", "done"]
    assert heard[1][0] - heard[0][0] > 1, "not all at once when it has ended"


def test_a_command_that_fails_ends_with_what_it_said_last(tmp_path: Path) -> None:
    heard: list[str] = []
    script = "import sys; print('reading'); sys.exit('no such column: colour')"
    with pytest.raises(CommandError, match=r"exit code 1; the last it said was: .*no such column: colour"):
        command(("python", "-c", script), cwd=tmp_path, extra={}, seconds=60, say=heard.append)
    assert sorted(heard) == ["no such column: colour", "reading"]


def test_a_commands_time_runs_out_though_it_goes_on_talking(tmp_path: Path) -> None:
    script = "import time\nwhile True: print('still here', flush=True); time.sleep(0.05)"
    with pytest.raises(CommandError, match="took longer than 1 s"):
        command(("python", "-c", script), cwd=tmp_path, extra={}, seconds=1, say=lambda _text: None)


def seen_by(names: list[str], path: Path) -> dict[str, str]:
    """What a job's process sees of its environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEAM_CHAT", "slack://secret")
        patch.setenv("FEATURE_STORE", "https://features.example")
        patch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        patch.setenv("OMP_NUM_THREADS", "1")
        found = environment.of_job(names)
    told = subprocess.run(
        [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"],
        env=found,
        cwd=path,
        capture_output=True,
        check=True,
    )
    return dict(json.loads(told.stdout))


def test_a_job_knows_no_secret_that_is_not_declared(tmp_path: Path) -> None:
    found = seen_by([], tmp_path)
    assert found["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert found["OMP_NUM_THREADS"] == "1"
    assert not {"TEAM_CHAT", "FEATURE_STORE"} & found.keys()
    found = seen_by(["FEATURE_STORE"], tmp_path)
    assert found["FEATURE_STORE"] == "https://features.example"
    assert "TEAM_CHAT" not in found


def test_what_a_dead_job_has_started_ends_with_it(tmp_path: Path) -> None:
    script = "import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)']).pid, flush=True); time.sleep(300)"
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE) as dead:
        assert dead.stdout is not None
        left = int(dead.stdout.readline())
        job_files.record_process(tmp_path, dead.pid)
        os.kill(dead.pid, signal.SIGKILL)
    assert psutil.pid_exists(left)
    assert JobRunner().status(tmp_path).state == "lost"
    until = time.monotonic() + 20
    while psutil.pid_exists(left) and psutil.Process(left).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, "it goes on without its job"
        time.sleep(0.05)


def test_a_model_file_that_is_a_program_as_well_is_refused(tmp_path: Path) -> None:
    model = LinearRegression().fit(np.arange(6.0).reshape(-1, 1), np.arange(6.0))
    held = io.BytesIO(skops.io.dumps(model))
    with zipfile.ZipFile(held, "a") as file:
        file.writestr(
            CARD, json.dumps({"command": ["touch", "owned"], "regression": True, "classes": [], "scored": False})
        )
    path = tmp_path / "model.skops"
    path.write_bytes(held.getvalue())
    assert registry.format_of(held.getvalue(), path).name == "command", "it would be run from the registry"
    with pytest.raises(TakingInError, match="of another format at once"):
        taking_in.read(path, Trust())


@pytest.mark.slow
def test_a_linear_model_of_many_rows_can_be_written_as_numbers() -> None:
    request = train_request(
        params={}, training=Retrain(trainer="partitioned", estimator="sklearn.linear_model.SGDRegressor")
    )
    found = fit(request)
    document = registry.formats()["parameters"].dump
    assert document is not None
    written = json.loads(document(Given(found.estimator, found.features, "regression", None, "prices", "v1")))
    (size,) = (term for term in written["terms"] if term["feature"] == "size")
    assert size["per_unit"] == [pytest.approx(3, abs=0.2)]


def drifting(estimator: str, half_life: str | None, trainer: str = "partitioned") -> Any:
    """A request whose labels rise by 20 in its second half, in parts of 200 rows."""
    training = Retrain(trainer=trainer, estimator=estimator, half_life=half_life, part_rows=200)
    request = train_request(params={}, training=training)
    late = np.arange(len(request.label)) >= len(request.label) // 2
    return replace(request, label=request.label + 20 * late)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    ["sklearn.linear_model.SGDRegressor", "sklearn.linear_model.Ridge", "sklearn.tree.DecisionTreeRegressor"],
)
def test_old_parts_count_less_by_their_half_life(estimator: str) -> None:
    off = {}
    for half_life in (None, "1d"):
        request = drifting(estimator, half_life)
        found = fit(request)
        latest = request.part(np.arange(len(request.label) - 200, len(request.label)))
        model = FittedModel(found.estimator, found.features, "regression")
        off[half_life] = abs(float((model.predict(latest.frame).predicted - latest.label).mean()))
    assert off["1d"] < 2
    assert off[None] > 4


def test_weights_by_age_have_mean_one_over_all_parts_and_halve_by_the_half_life() -> None:
    request = drifting("sklearn.linear_model.Ridge", "1w")
    ageing = Ageing("1w", request.times.max())
    parts = list(in_memory(request, 200))
    for part in parts:
        ageing.add(part.times)
    weights = np.concatenate([found for part in parts if (found := ageing.weights(part.times)) is not None])
    assert weights.mean() == pytest.approx(1)
    week = int(request.times.searchsorted(request.times[-1] - timedelta(days=7)))
    assert weights[week] / weights[-1] == pytest.approx(0.5, rel=0.01)


def test_an_estimator_that_takes_no_weights_says_so_part_by_part() -> None:
    with pytest.raises(TrainingError, match=r"retrain\.half_life: KNeighborsRegressor takes no weights of rows"):
        fit(drifting("sklearn.neighbors.KNeighborsRegressor", "1w"))


def test_a_half_life_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="half_life '0d' would make every row but the latest count nothing"):
        Retrain(half_life="0d")
