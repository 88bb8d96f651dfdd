"""kill -9 at every named point of storage: nothing acknowledged is lost, nothing is doubled by trying again."""

import multiprocessing
import re
import signal
import sys
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType

import pytest

from storage.control import Control
from storage.database import Database
from storage.faults import POINTS, VARIABLE, InjectedFaultError, fault_point, reset
from storage.home import Home, HomeLock
from storage.logs import count_rows, joined_relation
from storage.profile_store import dirty_buckets
from storage.readings import current_readings
from tests.faults import victim
from tests.faults.victim import BATCHES, ROWS, SPEC, clock, day, prediction_ids

ROOT = Path(__file__).parents[2]
STORAGE_POINTS = [point for point in POINTS if point.split(".")[0] in {"migrate", "writer", "append", "control"}]
#: Passage at which the process is killed: in the midst of the work, and for migrations on the first and second of them.
PASSAGES = {"migrate.before_record": (1, 2), "control.before_commit": (6,), "control.after_commit": (7,)}
CASES = [(point, passage) for point in STORAGE_POINTS for passage in PASSAGES.get(point, (8,))]


@pytest.fixture(scope="module")
def forkserver() -> Iterator[BaseContext]:
    """Processes that have everything imported already when they start.

    They would run this process's main module too, which is whatever page Streamlit's own test harness drew last.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.victim"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield context


def run(forkserver: BaseContext, folder: Path, fault: str) -> tuple[int | None, list[str]]:
    """Let a process work in ``folder`` under a fault; returns its exit code and the steps it acknowledged."""
    told = folder.with_suffix(".told")
    told.touch()
    process = forkserver.Process(target=victim.main, args=(folder, told, fault))  # type: ignore[attr-defined]
    process.start()
    process.join()
    return process.exitcode, told.read_text().splitlines()


def acknowledged(steps: list[str], name: str) -> list[int]:
    return [int(step.split()[1]) for step in steps if step.startswith(f"{name} ")]


def check_kept(home: Home, steps: list[str]) -> None:
    """Everything acknowledged is there, once, with what belongs to it."""
    with Database.open(home.database, clock) as db, Control(home.control, clock) as control, db.cursor() as con:
        if steps:
            sql, names = joined_relation(SPEC)
            rows = con.execute(f"SELECT _id, {names['label']}, size FROM ({sql})").fetchall()
            ids = [row[0] for row in rows]
            assert len(ids) == len(set(ids))
            assert {i for batch in acknowledged(steps, "log") for i in prediction_ids(batch)} <= set(ids)
            labels = {row[0]: row[1] for row in rows}
            for batch in acknowledged(steps, "label"):
                assert {labels[i] for i in prediction_ids(batch)} == {float(batch)}
            marked = dirty_buckets(con, "m", "inputs")
            assert [day(batch) for batch in acknowledged(steps, "log")] == marked[: len(acknowledged(steps, "log"))]
            for batch in range(BATCHES):  # a batch is there whole or not at all
                assert len(set(prediction_ids(batch)) & set(ids)) in {0, ROWS}
        readings = {row["value"] for row in current_readings(con, "m")}
        assert set(map(float, acknowledged(steps, "reading"))) <= readings
        check_decisions(control, steps)


def check_decisions(control: Control, steps: list[str]) -> None:
    alerts = [alert["id"] for alert in control.alerts("m")]
    assert alerts == [item.alert_id for item in control.outbox_items("m")]
    assert control.watermark("m") == (alerts[-1].removeprefix("a") if alerts else None)
    assert {f"a{batch}" for batch in acknowledged(steps, "judge")} <= set(alerts)
    keys = [job["request_key"] for job in control.jobs("m") if job["state"] == "succeeded"]
    assert {f"r{batch}" for batch in acknowledged(steps, "job")} <= set(keys)
    control.verify_audit()
    assert set(map(str, acknowledged(steps, "audit"))) <= {entry["object"] for entry in control.audit()}


def check_whole(home: Home) -> None:
    """After trying again everything is there exactly once."""
    with Database.open(home.database, clock) as db, Control(home.control, clock) as control, db.cursor() as con:
        counted = count_rows(con, SPEC)
        assert (counted.logs, counted.labels) == (2 * BATCHES * ROWS, BATCHES * ROWS)
        assert con.execute("SELECT count(*) FROM label_m").fetchall() == [(BATCHES * ROWS,)]
        assert [row["value"] for row in current_readings(con, "m")] == list(map(float, range(BATCHES)))
        assert [alert["id"] for alert in control.alerts("m")] == [f"a{n}" for n in range(BATCHES)]
        assert [item.id for item in control.outbox_items("m")] == [f"o{n}" for n in range(BATCHES)]
        assert [job["request_key"] for job in control.jobs("m")] == [f"r{n}" for n in range(BATCHES)]
        control.verify_audit()


@pytest.mark.slow
@pytest.mark.parametrize(("point", "passage"), CASES)
def test_kill(forkserver: BaseContext, tmp_path: Path, point: str, passage: int):
    code, steps = run(forkserver, tmp_path / "home", f"{point}=kill@{passage}")
    assert code == -signal.SIGKILL
    home = Home.create(tmp_path / "home")
    with HomeLock(home):  # the dead process holds nothing
        check_kept(home, steps)
        for _, step in victim.work(home):
            step()
        check_whole(home)


def test_every_point_is_passed_and_every_passage_has_its_point():
    """A point that nothing passes would make its kill test a test of nothing; a point without a test would be untried."""
    assert {point for point, _ in CASES} == set(STORAGE_POINTS)
    folders = ("storage", "monitors", "retraining", "service")
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py")]
    passed = {name for text in sources for name in re.findall(r'fault_point\("([^"]+)"\)', text)}
    assert passed == set(POINTS)


def test_faults_strike_once_where_they_are_told_to(monkeypatch):
    reset()
    monkeypatch.setenv(VARIABLE, "writer.begin=error@2, control.before_commit=enospc")
    fault_point("writer.begin")
    fault_point("writer.before_commit")
    with pytest.raises(InjectedFaultError, match=r"writer\.begin"):
        fault_point("writer.begin")
    fault_point("writer.begin")
    with pytest.raises(OSError, match="No space left"):
        fault_point("control.before_commit")
    monkeypatch.setenv(VARIABLE, "writer.beginning=error")
    with pytest.raises(ValueError, match=r"unknown point 'writer.beginning'; there are append\.after_rows"):
        fault_point("writer.begin")
    monkeypatch.setenv(VARIABLE, "writer.begin=explode")
    with pytest.raises(ValueError, match="'kill', 'enospc' and 'error'"):
        fault_point("writer.begin")
    monkeypatch.delenv(VARIABLE)
    fault_point("writer.begin")
    reset()
