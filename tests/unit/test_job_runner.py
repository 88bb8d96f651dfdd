"""Training jobs through the real subprocess: what they leave, and what is true of them when things go wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from reference_data.declaration import ModelSpec
from reference_data.windows import Window
from retraining import job_files, job_runner
from retraining.fitted import ModelCard
from retraining.job_files import Incumbent, JobRequest, read_request, read_result
from retraining.job_runner import JobRunner, log_tail
from retraining.period import default_period
from retraining.predictor import Predictor
from retraining.train_job import run
from tests.support.training_rows import START, frame, job, quick

FLIGHTS = Path(__file__).parents[2] / "reference_data" / "flights" / "flights_2013.parquet"


def in_process(folder):
    """The same job without a second process."""
    code = run(folder)
    return read_result(folder) if code == 0 else json.loads((folder / job_files.FAILURE).read_bytes())


@pytest.fixture
def runner(tmp_path):
    """A runner whose jobs end with the test, whatever becomes of it."""
    runner = JobRunner(nice=0)
    yield runner
    for process in tmp_path.rglob(job_files.PROCESS):
        runner.cancel(process.parent)


def finished(runner, folder):
    status = runner.wait(folder, 280)
    assert status.over, log_tail(folder)
    return status


# ----------------------------------------------------------------------------------------------- what it makes


@pytest.mark.slow
def test_a_job_leaves_a_model_a_reference_and_a_verdict(tmp_path):
    rows = frame(shift=15.0)  # the champion answers as before the shift
    result = in_process(job(tmp_path, rows, quick(), champion=Incumbent("v1")))
    assert result["rows"] == {
        "train": (rows["_event_time"] < "2024-03-22").sum(),
        "holdout": (rows["_event_time"] >= "2024-03-22").sum(),
    }
    assert result["holdout"][0] >= "2024-03-22T00:00:00+00:00"
    assert result["gate"]["rows"][0]["champion"] == pytest.approx(15, abs=0.5)
    assert result["gate"]["rows"][0]["unit"] == "EUR"
    assert sum(result["importance"].values()) == pytest.approx(1)
    assert result["libraries"].keys() >= {"python", "scikit-learn", "skops"}
    assert result["params"]["max_iter"] == 5
    found = Predictor().predict(ModelCard.from_dict(result["card"]), rows)
    assert len(found.predicted) == len(rows)


@pytest.mark.slow
def test_the_reference_holds_every_row_with_an_honest_prediction(tmp_path):
    rows = frame()
    result = in_process(job(tmp_path, rows, quick(), champion=Incumbent("v1")))
    reference = pq.read_table(tmp_path / job_files.REFERENCE).to_pandas()
    names = [
        "city",
        "size",
        "open",
        "since",
        "remark",
        "weather",
        "_id",
        "_event_time",
        "label",
        "prediction",
        "_model_version",
    ]
    assert list(reference.columns) == names
    pd.testing.assert_series_equal(reference["label"], rows["label"])
    assert set(reference["_model_version"]) == {"v2"}
    in_sample = Predictor().predict(ModelCard.from_dict(result["card"]), rows).predicted
    train = slice(0, result["rows"]["train"])
    held = slice(result["rows"]["train"], None)
    assert not np.isclose(reference["prediction"][train], in_sample[train]).any()
    np.testing.assert_allclose(reference["prediction"][held], in_sample[held])


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_come_with_their_scores(task, tmp_path):
    result = in_process(job(tmp_path, frame(task=task), quick(task=task), champion=Incumbent("v1")))
    assert result["gate"]["verdict"] == "passed"
    reference = pq.read_table(tmp_path / job_files.REFERENCE)
    if task == "binary":
        assert result["card"]["positive"] == "yes"
        scores = reference["score"].to_numpy()
        assert (reference["prediction"].to_numpy(zero_copy_only=False) == np.where(scores > 0.5, "yes", "no")).all()
    else:
        first = dict(reference["scores"][0].as_py())
        assert max(first, key=lambda name: first[name]) == reference["prediction"][0].as_py()


@pytest.mark.slow
def test_a_first_version_trains_on_everything_and_is_judged_out_of_fold(tmp_path):
    result = in_process(job(tmp_path, frame(), quick(), holdout=None, version="v1"))
    assert result["rows"] == {"train": 1400, "holdout": 0}
    assert result["holdout"] is None
    assert result["gate"]["sentence"].startswith("v1 beats the baseline")
    assert result["gate"]["rows"][0]["challenger"] == result["metrics"]["mean absolute error, out of fold"]


@pytest.mark.slow
def test_the_champion_answers_by_its_artefact(tmp_path):
    first = in_process(job(tmp_path / "first", frame(), quick(), holdout=None, version="v1"))
    rows = frame(shift=15.0, seed=3).assign(prediction=np.nan)
    champion = Incumbent("v1", ModelCard.from_dict(first["card"]), START + timedelta(days=25))
    second = in_process(job(tmp_path / "second", rows, quick(), champion=champion))
    assert second["gate"]["rows"][0]["champion"] == pytest.approx(15, abs=3)
    early = int((pd.to_datetime(rows["_event_time"]).dt.tz_localize("UTC") < START + timedelta(days=25)).sum())
    unseen, held = len(rows) - early, second["rows"]["holdout"]
    assert f"{held - unseen} of {held} held-out rows are left out: v1 has learned from them" in second["notes"]
    assert f"on the same {unseen} rows" in second["gate"]["sentence"]
    assert "time of a prediction, 99th percentile" in [row["name"] for row in second["gate"]["rows"] if row["champion"]]


@pytest.mark.slow
def test_a_broken_champion_is_compared_by_what_it_logged(tmp_path):
    card = ModelCard("v1", str(tmp_path / "gone.skops"), "0" * 64, "regression", ())
    result = in_process(job(tmp_path / "job", frame(shift=15.0), quick(), champion=Incumbent("v1", card)))
    assert result["gate"]["rows"][0]["champion"] == pytest.approx(15, abs=0.5)
    assert any("gone.skops cannot be read" in note for note in result["notes"])


@pytest.mark.slow
def test_rows_that_cannot_teach_are_left_out_and_counted(tmp_path):
    rows = frame()
    rows.loc[:99, "label"] = np.nan
    shadow = rows.tail(50).assign(_model_version="v0", prediction=0.0)
    result = in_process(job(tmp_path, pd.concat([shadow, rows]), quick(), champion=Incumbent("v1")))
    assert result["rows"]["train"] + result["rows"]["holdout"] == 1300
    assert "100 of 1,450 rows have no usable label and were left out" in result["notes"]
    assert "50 rows repeat a prediction id and were left out" in result["notes"]
    assert result["gate"]["rows"][0]["champion"] == pytest.approx(1.6, abs=0.3)


@pytest.mark.slow
def test_the_order_of_rows_does_not_matter(tmp_path):
    rows = frame(400)
    one = in_process(job(tmp_path / "a", rows, quick(), champion=Incumbent("v1")))
    other = in_process(job(tmp_path / "b", rows.sample(frac=1, random_state=1), quick(), champion=Incumbent("v1")))
    assert one["metrics"] == other["metrics"]
    assert one["importance"] == other["importance"]
    assert one["data_sha256"] != other["data_sha256"]


@pytest.mark.parametrize(
    ("rows", "model", "words"),
    [
        (frame(), quick(retrain={"trainer": "oracle"}), "retrain.trainer 'oracle' is not known; there are '"),
        (frame(), quick(retrain={"params": {"trees": 5}}), "retrain.params 'trees' cannot be set"),
        (frame().drop(columns="size"), quick(), "the rows lack the columns ['size']"),
        (frame().assign(label=np.nan), quick(), "none of the 1,400 rows has a label"),
        (frame(20), quick(), "are too few: at least 30 and 10 are needed"),
        (frame(), quick(features={}, segments=[]), "the model declares no features"),
        (
            frame(task="binary"),
            quick(task="binary", positive="maybe"),
            "positive class 'maybe' is not among the labels",
        ),
    ],
)
def test_what_cannot_be_trained_fails_in_words(rows, model, words, tmp_path):
    failure = in_process(job(tmp_path, rows, model))
    assert words in failure["error"]
    assert not (tmp_path / job_files.RESULT).exists()
    (tmp_path / job_files.PROCESS).write_text('{"pid": 999999999, "created": 0}')  # the process is over
    status = JobRunner().status(tmp_path)
    assert (status.state, status.exit_code, status.error) == ("failed", 1, failure["error"])


def test_a_request_survives_its_file(tmp_path):
    card = ModelCard("v1", "x", "0", "regression", quick().columns[:2])
    request = JobRequest(
        "prices",
        "v2",
        quick(),
        Window(START, START + timedelta(days=1)),
        "1w",
        Incumbent("v1", card, START),
        7,
        4,
        "ada",
        "why",
        "a1",
    )
    job_files.write_request(tmp_path, request)
    assert read_request(tmp_path) == request


# ------------------------------------------------------------------------------------------------ as a process


@pytest.mark.slow
def test_a_process_reports_and_succeeds(tmp_path, runner):
    folder = job(tmp_path, frame(), quick(), champion=Incumbent("v1"))
    assert runner.status(folder).state == "queued"
    pid = runner.launch(folder)
    assert os.getpgid(pid) == pid
    assert runner.launch(folder) == pid, "a second click starts nothing"
    assert finished(runner, folder).state == "succeeded"
    lines = [json.loads(line) for line in (folder / job_files.PROGRESS).read_text().splitlines()]
    done = [line["progress"] for line in lines]
    assert done == sorted(done)
    assert done[-1] == 1
    assert {"read", "split", "out of fold", "fit", "gate", "save", "reference", "done"} <= {
        line["step"] for line in lines
    }
    assert all(line["eta_seconds"] >= 0 for line in lines)
    assert "beats" in log_tail(folder) or "loses" in log_tail(folder)


@pytest.mark.slow
def test_a_restarted_service_finds_the_job_running_and_finished(tmp_path, runner):
    folder = job(tmp_path, frame(), quick(), champion=Incumbent("v1"))
    pid = runner.launch(folder)
    restarted = JobRunner()
    assert restarted.status(folder).state == "running"
    assert restarted.launch(folder) == pid
    assert finished(runner, folder).state == "succeeded"
    assert (restarted.status(folder).state, restarted.status(folder).exit_code) == ("succeeded", 0)


def test_cancelling_ends_the_whole_group(tmp_path, runner):
    folder = job(tmp_path, frame(), quick(), champion=Incumbent("v1"))
    pid = runner.launch(folder)
    status = runner.cancel(folder, "cancelled by ada")
    assert (status.state, status.error, status.exit_code) == ("cancelled", "cancelled by ada", -signal.SIGTERM)
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    assert not (folder / job_files.RESULT).exists()


@pytest.mark.slow
def test_what_is_over_cannot_be_cancelled(tmp_path):
    folder = job(tmp_path, frame(), quick(), champion=Incumbent("v1"))
    in_process(folder)
    assert not (folder / job_files.CANCEL).exists()
    (folder / job_files.PROCESS).write_text('{"pid": 999999999, "created": 0}')
    assert JobRunner().cancel(folder).state == "succeeded"


def test_a_process_that_ignores_sigterm_is_killed(tmp_path):
    ignore = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", ignore], start_new_session=True, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"deaf\n"
        job_files.record_process(tmp_path, child.pid)
        assert JobRunner(grace=0.2).cancel(tmp_path).state == "cancelled"
        assert child.wait(10) == -signal.SIGKILL


def test_a_job_that_takes_too_long_is_stopped(tmp_path):
    now = time.time()
    runner = JobRunner(timeout=60, clock=lambda: now)
    folder = job(tmp_path, frame(), quick(), champion=Incumbent("v1"))
    runner.launch(folder)
    assert runner.status(folder).state == "running"
    now += 120
    status = runner.status(folder)
    assert (status.state, status.error) == ("failed", "stopped after 60 s, the longest a job may take")


def test_a_job_that_was_killed_is_failed_for_its_parent_and_lost_for_others(tmp_path, runner, monkeypatch):
    folder = job(tmp_path, frame(), quick(), champion=Incumbent("v1"))
    os.killpg(runner.launch(folder), signal.SIGKILL)
    status = finished(runner, folder)
    assert (status.state, status.exit_code) == ("failed", -signal.SIGKILL)
    assert status.error == "the process was killed by SIGKILL; see the log"
    monkeypatch.setattr(job_runner, "_CHILDREN", {})  # as in another process
    lost = JobRunner().status(folder)
    assert (lost.state, lost.exit_code) == ("lost", None)
    assert "start a new job" in (lost.error or "")


def test_a_pid_that_belongs_to_another_process_by_now_is_not_ours(tmp_path):
    job_files.write_json(tmp_path / job_files.PROCESS, {"pid": os.getpid(), "created": 1.0})
    assert JobRunner().status(tmp_path).state == "lost"
    assert JobRunner().cancel(tmp_path).state == "lost"


@pytest.mark.slow
def test_a_memory_limit_fails_the_job_not_the_machine(tmp_path):
    runner = JobRunner(nice=0, memory_limit=150 * 1024 * 1024)
    folder = job(tmp_path, frame(), quick(), champion=Incumbent("v1"))
    runner.launch(folder)
    assert finished(runner, folder).state == "failed"


def test_a_folder_without_rows_is_refused(tmp_path, runner):
    folder = job(tmp_path, frame(50), quick())
    (folder / job_files.ROWS).unlink()
    with pytest.raises(FileNotFoundError, match=r"rows\.parquet is missing"):
        runner.launch(folder)


def test_half_a_line_of_progress_is_passed_over(tmp_path):
    job_files.record_process(tmp_path, os.getpid())
    whole = json.dumps({"step": "fit", "progress": 0.5, "message": "m", "eta_seconds": 3.0})
    (tmp_path / job_files.PROGRESS).write_text(f'{whole}\n{{"step": "ga')
    status = JobRunner().status(tmp_path)
    assert (status.state, status.step, status.progress, status.eta_seconds) == ("running", "fit", 0.5, 3.0)


def test_the_tail_of_a_log_begins_with_a_line(tmp_path):
    (tmp_path / job_files.LOG).write_text("".join(f"line {number}\n" for number in range(1000)))
    tail = log_tail(tmp_path, 100)
    assert tail.startswith("line 9")
    assert tail.endswith("line 999\n")
    assert len(tail) <= 100
    assert log_tail(tmp_path / "nowhere") == ""


# ----------------------------------------------------------------------------------------------------- flights


def flights(window, version="v1"):
    rows = pd.read_parquet(FLIGHTS)
    local = rows["sched"].dt.tz_localize("America/New_York", nonexistent="shift_forward", ambiguous=True)
    chosen = rows[(local >= window.start) & (local < window.end)]
    times = local[chosen.index].dt.tz_convert("UTC").dt.tz_localize(None)
    return chosen.assign(
        _id=[f"f{number}" for number in chosen.index],
        _event_time=times,
        prediction=np.nan,
        label=chosen["air_time"],
        _model_version=version,
    )


def flights_spec():
    text, numbers = ["carrier", "origin", "dest"], ["distance", "hour", "dow", "seats", "plane_year"]
    return ModelSpec.model_validate(
        {
            "name": "air_time",
            "task": "regression",
            "features": dict.fromkeys(text, "categorical") | dict.fromkeys(numbers, "numeric"),
            "context": dict.fromkeys(["temp", "wind_speed", "wind_dir", "precip", "visib"], "numeric"),
            "label": "air_time",
            "timezone": "America/New_York",
            "segments": ["carrier", "origin"],
            "units": {"air_time": "min"},
        }
    )


@pytest.mark.slow
def test_a_retrain_in_june_recovers_what_the_spring_model_lost(tmp_path, runner):
    def midnight(month, day):
        return datetime(2013, month, day, 4 + (month < 4), tzinfo=UTC)

    def trained(name, version, period, holdout, champion):
        folder = tmp_path / name
        folder.mkdir()
        flights(period).to_parquet(folder / job_files.ROWS, index=False)
        job_files.write_request(folder, JobRequest("air_time", version, flights_spec(), period, holdout, champion))
        runner.launch(folder)
        assert finished(runner, folder).state == "succeeded", log_tail(folder)
        return read_result(folder)

    v1 = trained("first", "v1", Window(midnight(1, 1), midnight(3, 5)), None, None)
    assert v1["metrics"]["mean absolute error, out of fold"] == pytest.approx(8.05, abs=0.1)

    period = default_period(
        midnight(4, 30), midnight(1, 1), midnight(6, 4) - timedelta(hours=1), timedelta(days=7), "America/New_York"
    ).window
    assert period == Window(midnight(4, 30), midnight(6, 4))
    card = ModelCard.from_dict(v1["card"])
    v2 = trained("second", "v2", period, "1w", Incumbent("v1", card, midnight(3, 5)))
    assert v2["gate"]["verdict"] == "passed"
    headline = v2["gate"]["rows"][0]
    assert headline["upper"] < 0
    assert v2["gate"]["sentence"].startswith(
        "v2 beats v1 on the same 6,400 rows of 28 May – 3 Jun 2013: mean absolute error 6."
    )

    after = flights(Window(midnight(6, 4), midnight(7, 2)))
    old, new = (
        np.abs(Predictor().predict(one, after).predicted - after["label"]).mean()
        for one in (card, ModelCard.from_dict(v2["card"]))
    )
    assert new < 0.6 * old
