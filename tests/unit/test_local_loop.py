"""From retraining to rollback in a real workspace: one job at a time, registered once, and what each role means for monitoring."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.workspace import ConflictError, NotFoundError, WorkspaceError
from storage.faults import VARIABLE, reset
from tests.support.tiny_workspace import A_DAY, LIVE, MODEL, REFERENCE_DAYS, Clock, InProcessRunner, Tiny, rows, tiny

REGISTERING = ["register.after_artefact", "register.after_reference", "register.after_version"]


def filled(ws: Tiny) -> Tiny:
    """Log four labelled weeks to train on."""
    frame = rows(0, REFERENCE_DAYS)
    ws.workspace.log(MODEL, frame.drop(columns="truth"))
    ws.label(frame)
    return ws


@pytest.fixture(scope="module")
def finished_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed home whose first training job has ended, and nobody has taken note of it yet."""
    home = tmp_path_factory.mktemp("finished") / "home"
    with tiny(home) as ws:
        filled(ws)
        job = ws.workspace.retrain(MODEL)
        runner = ws.runner
        while runner.status(ws.workspace.core.home.jobs / job["id"]).state != "succeeded":
            threading.Event().wait(0.01)
    return home


@pytest.fixture
def ended(finished_home: Path, tmp_path: Path) -> Iterator[Tiny]:
    """That home, opened by a service that was just started."""
    shutil.copytree(finished_home, tmp_path / "home")
    with tiny(tmp_path / "home", declaration="") as ws:
        yield ws


@pytest.fixture(scope="module")
def two_versions_home(finished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed home in which v1 served three weeks of another rule, on which v2 was trained and was promoted."""
    home = tmp_path_factory.mktemp("two") / "home"
    shutil.copytree(finished_home, home)
    with tiny(home, declaration="") as ws:
        ws.workspace.deploy(MODEL, "v1")
        for day in range(REFERENCE_DAYS, REFERENCE_DAYS + 21):
            answer(ws, rows(day, bias=9.0))
        ws.clock.now = LIVE + timedelta(days=21)
        ws.workspace.run(MODEL)
        assert ws.trained(since=LIVE)["version"] == "v2"
        ws.workspace.deploy(MODEL, "v2", actor="ada")
    return home


@pytest.fixture
def two(two_versions_home: Path, tmp_path: Path) -> Iterator[Tiny]:
    shutil.copytree(two_versions_home, tmp_path / "home")
    with tiny(tmp_path / "home", declaration="", clock=Clock(LIVE + timedelta(days=21))) as ws:
        yield ws


def answer(ws: Tiny, frame: Any, *, labels: bool = True) -> None:
    """Have the versions that serve and shadow answer rows, and label them."""
    ws.workspace.predict_rows(MODEL, frame[["prediction_id", "event_time", "distance", "city"]])
    if labels:
        ws.label(frame)


def references(ws: Tiny) -> list[int]:
    return ws.workspace.core.control.reference_versions(MODEL)


# -- jobs --------------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_two_retrains_make_one_job(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        filled(ws)
        ws.runner.free.clear()
        first = ws.workspace.retrain(MODEL, actor="ada")
        second = ws.workspace.retrain(MODEL, actor="bob")
        assert (second["id"], second["requested_by"]) == (first["id"], "ada")
        assert first["state"] == "queued"
        ws.runner.free.set()
        assert ws.finished(first["id"])["version"] == "v1"
        assert len(ws.runner.launched) == 1
        assert len(ws.workspace.jobs(MODEL)) == 1
        assert [entry["actor"] for entry in ws.workspace.audit() if entry["action"] == "retrain"] == ["ada"]


@pytest.mark.slow
def test_retrains_from_many_threads_make_one_job(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        filled(ws)
        ws.runner.free.clear()
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(ws.workspace.retrain(MODEL)["id"])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ws.runner.free.set()
        assert len(found) == 8
        assert len(set(found)) == 1
        ws.finished(found[0])
        assert len(ws.runner.launched) == 1


@pytest.mark.slow
def test_a_request_that_is_sent_again_gets_its_own_job_back(ended: Tiny) -> None:
    job = ended.trained(request_key="click-1")
    again = ended.workspace.retrain(MODEL, request_key="click-1")
    assert (again["id"], again["state"]) == (job["id"], "succeeded")
    assert len(ended.workspace.jobs(MODEL)) == 2


def test_without_labels_or_in_an_empty_period_nothing_starts(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        with pytest.raises(WorkspaceError, match="no logged row of 'eta' has a label yet"):
            ws.workspace.retrain(MODEL)
        filled(ws)
        with pytest.raises(WorkspaceError, match="no labelled row lies between"):
            ws.workspace.retrain(MODEL, since=LIVE + timedelta(days=300))
        assert ws.workspace.jobs(MODEL) == []


def test_a_job_that_fails_says_why_and_registers_nothing(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        filled(ws)
        job = ws.trained(since=LIVE - timedelta(hours=2))
        assert job["state"] == "failed"
        assert "too few" in job["error"]
        assert ws.workspace.versions(MODEL) == []
        assert references(ws) == []


@pytest.mark.slow
def test_a_job_whose_process_was_just_launched_when_the_service_stopped_is_followed(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        filled(ws)
        runner = ws.runner
        runner.free.clear()
        job = ws.workspace.retrain(MODEL)
        while not runner.launched:
            threading.Event().wait(0.01)
        ws.reopen()
        assert ws.workspace.job(job["id"])["state"] == "queued"
        runner.join()
        assert ws.finished(job["id"])["version"] == "v1"
        assert ws.runner.launched == [], "one process does a job"


@pytest.mark.slow
def test_a_job_that_waited_when_the_service_stopped_is_started_by_the_next(tmp_path: Path) -> None:
    with tiny(tmp_path / "home") as ws:
        filled(ws)
        ws.workspace.core.max_jobs = 0
        job = ws.workspace.retrain(MODEL)
        assert (job["state"], job["step"]) == ("queued", "waiting for its turn")
        ws.reopen()
        assert ws.finished(job["id"])["version"] == "v1"


# -- registering -------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_what_ended_while_nobody_was_there_is_registered_once(ended: Tiny) -> None:
    for _ in range(3):
        ended.workspace.run(MODEL)
        (version,) = ended.workspace.versions(MODEL)
    ended.reopen()
    assert ended.workspace.versions(MODEL) == [version]
    assert (version["version"], version["reference_version"], version["role"]) == ("v1", 1, "candidate")
    assert references(ended) == [1]
    (job,) = ended.workspace.jobs(MODEL)
    assert (job["state"], job["version"], job["progress"]) == ("succeeded", "v1", 1.0)
    assert [entry["object"] for entry in ended.workspace.audit() if entry["action"] == "register"] == ["eta/v1"]


@pytest.mark.slow
def test_many_askers_register_one_version(ended: Tiny) -> None:
    threads = [threading.Thread(target=ended.workspace.versions, args=(MODEL,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version["version"] for version in ended.workspace.versions(MODEL)] == ["v1"]
    assert references(ended) == [1]


@pytest.mark.parametrize("restart", [False, True], ids=["in the same process", "after a restart"])
@pytest.mark.parametrize("point", REGISTERING)
def test_registering_that_is_cut_off_leaves_no_half_version_and_is_completed(
    ended: Tiny, monkeypatch: pytest.MonkeyPatch, point: str, restart: bool
) -> None:
    reset()
    monkeypatch.setenv(VARIABLE, f"{point}=kill")
    monkeypatch.setattr("storage.faults.os.kill", _die)
    with pytest.raises(Killed):
        ended.workspace.versions(MODEL)
    monkeypatch.undo()
    records = ended.workspace.core.versions(MODEL)
    assert list(records) == (["v1"] if point == "register.after_version" else [])
    if restart:
        ended.reopen()
    (version,) = ended.workspace.versions(MODEL)
    assert (version["version"], version["reference_version"]) == ("v1", 1)
    assert references(ended) == [1]
    artefacts = [path.name for path in ended.workspace.core.home.artefacts.iterdir()]
    assert artefacts == [f"eta-v1-{version['sha256'][:12]}.skops"]
    assert ended.workspace.jobs(MODEL)[0]["version"] == "v1"
    ended.workspace.deploy(MODEL, "v1")
    assert ended.workspace.predict(MODEL, [{"distance": 10.0, "city": "Berlin"}])[0]["model_version"] == "v1"


class Killed(BaseException):
    """Stands for the end of the process: nothing in the code may catch it."""


def _die(pid: int, number: int, *, kill: Callable[[int, int], None] = os.kill) -> None:
    if number == signal.SIGKILL:
        raise Killed
    kill(pid, number)  # whoever asks whether a process lives


@pytest.mark.slow
def test_a_new_version_is_named_after_the_highest_there_is(two: Tiny) -> None:
    two.workspace.rollback(MODEL)
    assert two.trained()["version"] == "v3"


# -- roles -------------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_promotion_and_a_rollback_switch_the_reference(two: Tiny) -> None:
    model = two.workspace.model(MODEL)
    assert (model["champion"], model["reference_version"]) == ("v2", 2)
    assert model["champion_since"] == (LIVE + timedelta(days=21)).isoformat()
    answer(two, rows(REFERENCE_DAYS + 21, bias=9.0))
    two.run_at(22.5)
    two.workspace.rollback(MODEL, actor="bob")
    model = two.workspace.model(MODEL)
    assert (model["champion"], model["reference_version"]) == ("v1", 1)
    answer(two, rows(REFERENCE_DAYS + 22))
    two.run_at(23.5)
    judged = {
        (reading["window_start"][:10], reading["model_version"], reading["reference_version"], reading["verdict"])
        for reading in two.workspace.readings(MODEL, check="mae", since=LIVE + timedelta(days=20))
        if reading["scope"] == "performance"
    }
    assert judged == {
        ("2024-02-18", "v1", 1, "critical"),
        ("2024-02-19", "v2", 2, "ok"),
        ("2024-02-20", "v1", 1, "ok"),
    }
    marks = [(mark["kind"], mark["label"]) for mark in two.workspace.markers(MODEL) if mark["kind"] != "alert"]
    assert marks == [("champion", "v1 champion"), ("champion", "v2 champion"), ("rollback", "back to v1")]
    with pytest.raises(ConflictError, match="nothing to roll back to"):
        two.workspace.rollback(MODEL)


@pytest.mark.slow
def test_the_alert_that_led_to_a_retrain_is_kept_with_it_and_resolved_by_it(two: Tiny) -> None:
    job = two.workspace.jobs(MODEL)[0]
    alert = two.workspace.alert(job["alert_id"])  # type: ignore[arg-type]
    assert alert["harmful"]
    assert {version["version"]: version["alert_id"] for version in two.workspace.versions(MODEL)} == {
        "v1": None,
        "v2": alert["id"],
    }
    answer(two, rows(REFERENCE_DAYS + 21, bias=9.0))
    two.run_at(22.5)
    assert two.workspace.alert(alert["id"])["state"] == "resolved"


@pytest.mark.slow
def test_a_shadow_answers_and_is_logged_but_is_no_traffic(two: Tiny) -> None:
    frame = rows(REFERENCE_DAYS + 21, bias=9.0)
    before = two.stored("log_eta")
    answer(two, frame)
    assert two.stored("log_eta") == before + 2 * A_DAY
    two.run_at(22.5)
    start = LIVE + timedelta(days=21)
    (window,) = [w for w in two.workspace.windows(MODEL) if datetime.fromisoformat(w["start"]) == start]
    assert (window["rows"], window["labels"], window["model_version"]) == (A_DAY, A_DAY, "v2")
    (count,) = two.workspace.readings(MODEL, check="row_count", since=start)
    assert (count["value"], count["model_version"]) == (A_DAY, "v2")
    assert two.workspace.model(MODEL)["rows_per_window"] == A_DAY
    errors = {
        (point["model_version"], point["role"]): point["value"]
        for point in two.workspace.performance(MODEL)
        if datetime.fromisoformat(point["start"]) == start and point["value"] is not None
    }
    assert errors.keys() == {("v2", "serving"), ("v1", "shadow")}
    assert errors["v2", "serving"] < 0.5 * errors["v1", "shadow"]


@pytest.mark.slow
def test_each_row_is_answered_by_the_version_that_its_id_chooses(two: Tiny) -> None:
    two.workspace.deploy(MODEL, "v1", role="canary", share=0.4)
    frame = rows(REFERENCE_DAYS + 21, a_day=200)
    answers = two.workspace.predict_rows(MODEL, frame[["prediction_id", "event_time", "distance", "city"]])
    assert list(answers["prediction_id"]) == list(frame["prediction_id"]), "in the order they were asked in"
    counts = answers["model_version"].value_counts()
    assert 50 <= counts["v1"] <= 110
    assert counts["v1"] + counts["v2"] == 200
    again = two.workspace.predict_rows(MODEL, frame[["prediction_id", "event_time", "distance", "city"]])
    assert list(again["model_version"]) == list(answers["model_version"])
    assert two.workspace.model(MODEL)["rows"]["logs"] == 49 * A_DAY + 200


@pytest.mark.slow
def test_what_cannot_be_deployed_is_refused_with_what_can(two: Tiny) -> None:
    with pytest.raises(NotFoundError, match="model 'eta' has no version 'v9'; it has: v1, v2"):
        two.workspace.deploy(MODEL, "v9")
    with pytest.raises(ConflictError, match="v2 is the champion already"):
        two.workspace.deploy(MODEL, "v2")
    with pytest.raises(ConflictError, match="a canary needs a share"):
        two.workspace.deploy(MODEL, "v1", role="canary")
    with pytest.raises(ConflictError, match="role 'king' is not known; choose"):
        two.workspace.deploy(MODEL, "v1", role="king")
    assert two.workspace.model(MODEL)["champion"] == "v2"


def test_an_artefact_that_was_changed_is_not_used(two: Tiny) -> None:
    for path in two.workspace.core.home.artefacts.glob("eta-v2-*"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    two.reopen()
    with pytest.raises(Exception, match="v2"):
        two.workspace.predict(MODEL, [{"distance": 10.0, "city": "Berlin"}])
    assert isinstance(two.runner, InProcessRunner)
