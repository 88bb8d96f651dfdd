"""kill -9 at every named point of training and registering: no half artefact, states that are true, and a retry that works."""

import multiprocessing
import shutil
import signal
import sys
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType

import pytest

from retraining import registry
from service.local import LocalWorkspace
from storage.faults import POINTS
from tests.faults import retrain_victim
from tests.faults.retrain_victim import finish, opened
from tests.support.tiny_workspace import MODEL

#: What has become of the job when the service is there again, by the point at which it or its job was killed.
OUTCOMES = {
    "job.after_rows": "succeeded",  # it waits for its turn, and the next service starts it
    "job.before_launch": "succeeded",
    "job.after_launch": "succeeded",  # its process goes on by itself
    "train.after_rows": "lost",
    "train.after_fit": "lost",
    "train.after_artefact": "lost",
    "train.after_reference": "lost",
    "train.before_result": "lost",
    "train.after_result": "succeeded",
    "register.after_artefact": "succeeded",
    "register.after_reference": "succeeded",
    "register.after_version": "succeeded",
    "register.after_promote": "succeeded",
}


@pytest.fixture(scope="module")
def forkserver() -> Iterator[BaseContext]:
    """Processes that have everything imported already when they start; see tests/faults/test_kill.py."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.retrain_victim"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield context


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("prepared") / "home"
    retrain_victim.prepare(home)
    return home


def copied(prepared: Path, target: Path, *, retries: int = 0) -> Path:
    shutil.copytree(prepared, target)
    if retries:
        with opened(target) as workspace:
            workspace.apply(f"{retrain_victim.DECLARATION}\nretries = {retries}\n")
    return target


def check_whole(workspace: LocalWorkspace) -> None:
    """Whatever is registered is whole, once, and nothing that is registered by nobody serves anyone."""
    core, versions, jobs = workspace.core, workspace.versions(MODEL), workspace.jobs(MODEL)
    made = {job["version"]: job for job in jobs if job["version"] is not None}
    assert {job["state"] for job in made.values()} <= {"succeeded"}
    assert {view["version"] for view in versions} == set(made)
    for view in versions:
        record = core.version(MODEL, view["version"])
        registry.load(core.home.artefacts / record["artefact"], view["sha256"])
        assert core.control.reference(MODEL, view["reference_version"] or 0).source.startswith("training job")
    assert len(core.control.reference_versions(MODEL)) == len(versions)
    assert core.roles(MODEL).champion in ({"v1"} if versions else {None})
    assert len([event for event in core.deployments(MODEL) if event.version == "v1"]) == (1 if versions else 0)
    for job in jobs:
        assert job["state"] == "succeeded" or job["error"], "who did not succeed says why"
    core.control.verify_audit()


def check_after(home: Path) -> str:
    """Open the home as the next service does: the job ends in a true state, and a retry makes a whole version. Returns that state."""
    with opened(home) as workspace:
        state = "none"
        for job in workspace.jobs(MODEL):
            state = finish(workspace, job["id"])
        check_whole(workspace)
        retried = finish(workspace, workspace.retrain(MODEL)["id"])
        assert retried == "succeeded", workspace.jobs(MODEL)[0]
        check_whole(workspace)
    return state


def run(forkserver: BaseContext, home: Path, fault: str) -> int | None:
    process = forkserver.Process(target=retrain_victim.main, args=(home, fault))  # type: ignore[attr-defined]
    process.start()
    process.join()
    code: int | None = process.exitcode
    return code


@pytest.mark.slow
@pytest.mark.parametrize("point", OUTCOMES)
def test_kill(forkserver: BaseContext, prepared: Path, tmp_path: Path, point: str) -> None:
    home = copied(prepared, tmp_path / "home")
    code = run(forkserver, home, f"{point}=kill")
    assert code == (0 if point.startswith("train.") else -signal.SIGKILL)
    assert check_after(home) == OUTCOMES[point]


@pytest.mark.slow
def test_a_job_that_dies_is_tried_again_as_often_as_is_declared(
    forkserver: BaseContext, prepared: Path, tmp_path: Path
) -> None:
    home = copied(prepared, tmp_path / "home", retries=1)
    assert run(forkserver, home, "train.before_result=kill") == 0  # kills the second attempt too
    with opened(home) as workspace:
        (job,) = workspace.jobs(MODEL)
        assert job["state"] == "lost"
        assert "attempt 2 follows" in job["log"]
        retries = [entry for entry in workspace.audit() if entry["action"] == "retry"]
        assert [entry["detail"]["attempt"] for entry in retries] == [2]


def test_every_point_of_training_and_registering_has_its_outcome() -> None:
    assert set(OUTCOMES) == {point for point in POINTS if point.split(".")[0] in {"job", "train", "register"}}
    assert len(OUTCOMES) >= 10
