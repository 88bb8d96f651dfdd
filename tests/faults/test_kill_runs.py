"""kill -9 in the middle of a monitor's run: the next one goes on, and finds and tells the same as one whole run."""

import multiprocessing
import shutil
import signal
import sys
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from service.local import LocalWorkspace
from tests.faults import run_victim
from tests.faults.run_victim import clock
from tests.support.tiny_workspace import MODEL

CASES = [
    ("run.after_steps", 1),
    ("run.after_profiles", 1),
    ("run.after_readings", 1),
    ("run.after_readings", 3),
    ("run.after_block", 1),
    ("run.after_block", 2),
    ("writer.before_commit", 2),
    ("writer.after_commit", 3),
    ("control.before_commit", 4),
    ("control.after_commit", 5),
]


@pytest.fixture(scope="module")
def forkserver() -> Iterator[BaseContext]:
    """Processes that have everything imported already when they start; see tests/faults/test_kill.py."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.run_victim"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield context


def found(home: Path) -> tuple[Any, Any]:
    """Return what current readings and alerts say once a run is through."""
    with LocalWorkspace.open(home, now=clock) as workspace:
        assert workspace.run(MODEL)[0]["state"] == "done"
        assert workspace.run(MODEL)[0]["windows"] == 0
        readings = workspace.readings(MODEL) + workspace.readings(MODEL, segment="*")
        keys = [
            (r["scope"], r["check"], r["column"], r["segment"], r["window_start"], r["model_version"]) for r in readings
        ]
        assert len(keys) == len(set(keys))
        said = [(r["verdict"], None if r["value"] is None else round(r["value"], 9), r["n"]) for r in readings]
        alerts = sorted((a["kind"], a["severity"], a["window_start"], a["state"]) for a in workspace.alerts(MODEL))
        return dict(zip(keys, said, strict=True)), alerts


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("prepared") / "home"
    run_victim.prepare(home)
    return home


@pytest.fixture(scope="module")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("whole") / "home"
    shutil.copytree(prepared, home)
    return found(home)


@pytest.mark.slow
@pytest.mark.parametrize(("point", "passage"), CASES)
def test_a_killed_run_is_gone_on_with(
    forkserver: BaseContext, prepared: Path, whole: Any, tmp_path: Path, point: str, passage: int
) -> None:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    process = forkserver.Process(target=run_victim.main, args=(home, f"{point}=kill@{passage}"))  # type: ignore[attr-defined]
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    readings, alerts = found(home)
    assert readings == whole[0]
    assert alerts == whole[1]
    with LocalWorkspace.open(home, now=clock) as workspace:
        killed = workspace.runs(MODEL)[2]
        assert killed["state"] == "lost"
        assert "the next run goes on" in str(killed["error"])


def test_the_whole_run_has_something_to_tell(whole: Any) -> None:
    assert {kind for kind, *_ in whole[1]} >= {"data_drift"}
    assert whole[0]
