"""kill -9 in the middle of a source's run: what comes after goes on where it was, without gaps or doubles, ids or not."""

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType

import pytest

from service.local import LocalWorkspace
from tests.faults import source_victim
from tests.faults.source_victim import FILE, QUERY, clock
from tests.support.source_home import logged

EVERYTHING = [float(number) for number in [*range(QUERY), *range(1000, 1000 + FILE)]]
#: While the query is read, at its first chunk, later, and while files are; before, inside and after the transaction of a chunk.
CASES = [
    (point, passage)
    for point in ("writer.begin", "append.after_rows", "writer.before_commit", "writer.after_commit")
    for passage in (2, 5, 12)
] + [("control.after_commit", 1), ("control.before_commit", 2), ("control.before_commit", 3)]


@pytest.fixture(scope="module")
def forkserver() -> Iterator[BaseContext]:
    """Processes that have everything imported already when they start; see tests/faults/test_kill.py."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.source_victim"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield context


@pytest.mark.slow
@pytest.mark.parametrize(("point", "passage"), CASES)
def test_a_killed_run_leaves_neither_gaps_nor_doubles(
    forkserver: BaseContext, tmp_path: Path, point: str, passage: int
) -> None:
    source_victim.prepare(tmp_path)
    process = forkserver.Process(target=source_victim.main, args=(tmp_path, f"{point}=kill@{passage}"))  # type: ignore[attr-defined]
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with LocalWorkspace.open(tmp_path / "home", now=clock) as workspace:
        held = logged(workspace, "distance")
        assert held == sorted(set(held))
        for name in ("query", "files"):
            for run in workspace.source_runs(name):
                assert run["state"] == "done" or str(run["error"]).startswith("ended with the process")
            assert workspace.run_source(name)["state"] == "done"
        assert logged(workspace, "distance") == EVERYTHING
        assert sum(workspace.run_source(name)["rows"] for name in ("query", "files")) == 0
