"""Runs are recorded, one at a time of each model; whatever ends one, the next goes on from there."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.local import LocalWorkspace, monitoring, runs, timetable
from service.workspace import ConflictError, NotFoundError
from storage.faults import VARIABLE, InjectedFaultError, reset
from tests.support.tiny_workspace import A_DAY, DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

Hook = Callable[[], None]
PLAIN = DECLARATION.replace('segments = ["city"]\n', "")


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", PLAIN) as opened:
        opened.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        yield opened


@pytest.fixture
def after_block(monkeypatch: pytest.MonkeyPatch) -> Callable[[Hook], None]:
    """Judge two windows a block, and do something after the first of them."""
    monkeypatch.setattr(monitoring, "FIRST_BLOCK", 2)
    monkeypatch.setattr(monitoring, "LONGEST_BLOCK", 2)

    def install(hook: Hook) -> None:
        waiting = [hook]

        def passed(name: str) -> None:
            if name == "run.after_block" and waiting:
                waiting.pop()()

        monkeypatch.setattr(monitoring, "fault_point", passed)

    return install


def judged(ws: Tiny) -> list[str]:
    return sorted({reading["window_start"][:10] for reading in ws.workspace.readings(MODEL, check="row_count")})


def days(count: int) -> list[str]:
    return [(LIVE + timedelta(days=day)).date().isoformat() for day in range(count)]


def latest(ws: Tiny) -> Any:
    return ws.workspace.runs(MODEL, limit=1)[0]


def test_a_run_is_recorded_with_what_it_did(ws: Tiny) -> None:
    assert ws.workspace.runs() == []
    ws.log_days(0, 3)
    done = ws.run_at(3.5)
    (view,) = ws.workspace.runs()
    assert (view["model"], view["state"], view["trigger"], view["actor"]) == (MODEL, "done", "manual", "cli")
    assert (view["windows_done"], view["windows_total"], view["rows"]) == (3, 3, 3 * A_DAY)
    assert view["readings"] == done["readings"] > 0
    assert view["started_at"] == (LIVE + timedelta(days=3.5)).isoformat()
    assert (view["remaining_seconds"], view["error"]) == (None, None)
    ws.workspace.run(MODEL, actor="schedule", trigger="schedule")
    first, second = ws.workspace.runs(MODEL)
    assert (first["trigger"], first["windows_total"], second["run_id"]) == ("schedule", 0, view["run_id"])
    with pytest.raises(NotFoundError, match="no model 'ate'"):
        ws.workspace.runs("ate")


@pytest.mark.slow
def test_a_cancelled_run_keeps_its_windows_and_the_next_goes_on(ws: Tiny, after_block: Any) -> None:
    ws.log_days(0, 5)
    after_block(lambda: setattr(ws.workspace.core.runs[MODEL], "cancelled_by", "anna"))
    assert ws.run_at(5.5)["state"] == "cancelled"
    view = latest(ws)
    assert (view["state"], view["windows_done"], view["windows_total"]) == ("cancelled", 2, 5)
    assert view["error"].startswith("cancelled by anna")
    assert judged(ws) == days(2)
    assert ws.run_at(5.5)["windows"] == 3
    assert judged(ws) == days(5)


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended(ws: Tiny, after_block: Any) -> None:
    ws.log_days(0, 5)

    def an_hour_passes() -> None:
        ws.workspace.core.runs[MODEL].course.began -= 3601

    after_block(an_hour_passes)
    assert ws.run_at(5.5)["state"] == "timed_out"
    assert "longer than 3600 s (monitor.timeout)" in latest(ws)["error"]
    assert ws.run_at(5.5)["windows"] == 3


@pytest.mark.slow
def test_a_run_that_fails_is_recorded_and_told(ws: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    ws.log_days(0, 2)
    reset()
    monkeypatch.setenv(VARIABLE, "run.after_readings=error")
    with pytest.raises(InjectedFaultError):
        ws.run_at(2.5)
    monkeypatch.delenv(VARIABLE)
    view = latest(ws)
    assert (view["state"], view["windows_done"]) == ("failed", 0)
    assert view["error"] == "InjectedFaultError: injected at run.after_readings"
    assert ws.workspace.core.runs == {}
    assert ws.run_at(2.5)["windows"] == 2


def test_a_run_whose_process_died_is_lost(ws: Tiny) -> None:
    begun = {"run_id": "r", "model": MODEL, "state": "running", "trigger": "schedule", "actor": "schedule"}
    times = {"started_at": LIVE.isoformat(), "ended_at": None, "seconds": None, "error": None}
    counts = {"windows_done": 7, "windows_total": 9, "readings": 70, "rows": 420, "alerts_opened": 0}
    ws.workspace.core.control.append_model_run(begun | times | counts)
    ws.reopen()
    view = latest(ws)
    assert (view["state"], view["windows_done"]) == ("lost", 7)
    assert "the next run goes on" in view["error"]
    ws.reopen()
    assert len(ws.workspace.runs()) == 1


@pytest.mark.slow
def test_a_second_caller_gets_the_run_that_is_under_way(ws: Tiny, after_block: Any) -> None:
    ws.log_days(0, 4)
    ws.clock.now = LIVE + timedelta(days=4.5)
    reached, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        assert go_on.wait(60)

    after_block(hold)
    first = ws.workspace.start_run(MODEL, actor="anna")
    assert (first["state"], first["windows_total"]) == ("running", None)
    assert reached.wait(60)
    second = ws.workspace.start_run(MODEL, actor="berta")
    assert (second["run_id"], second["actor"]) == (first["run_id"], "anna")
    assert (second["windows_done"], second["windows_total"]) == (2, 4)
    assert second["remaining_seconds"] is not None
    waiting = threading.Thread(target=ws.workspace.run, args=(MODEL,))
    waiting.start()  # it waits, and finds nothing left to do
    go_on.set()
    waiting.join()
    found = ws.workspace.runs()
    assert [view["windows_done"] for view in found] == [0, 4]
    assert {view["state"] for view in found} == {"done"}
    assert [(entry["actor"], entry["action"]) for entry in ws.workspace.audit(1)] == [("anna", "run")]


def test_cancelling_waits_for_the_present_windows_and_is_audited(ws: Tiny, after_block: Any) -> None:
    with pytest.raises(ConflictError, match="no run of model 'eta' is under way"):
        ws.workspace.cancel_run(MODEL)
    ws.log_days(0, 4)
    ws.clock.now = LIVE + timedelta(days=4.5)
    reached, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        assert go_on.wait(60)

    after_block(hold)
    ws.workspace.start_run(MODEL)
    assert reached.wait(60)
    threading.Timer(0.1, go_on.set).start()
    view = ws.workspace.cancel_run(MODEL, actor="anna")
    assert (view["state"], view["windows_done"], view["windows_total"]) == ("cancelled", 2, 4)
    assert ws.workspace.audit(1)[0]["action"] == "cancel run"


@pytest.mark.slow
def test_between_two_blocks_others_may_decide_and_it_holds_from_then_on(ws: Tiny, after_block: Any) -> None:
    ws.log_days(0, 4)
    fewer = PLAIN.replace('city = "categorical"\n', "")
    applied: list[Any] = []

    def decide() -> None:
        thread = threading.Thread(target=lambda: applied.append(ws.workspace.apply(fewer)))
        thread.start()
        thread.join(60)

    after_block(decide)
    assert ws.run_at(4.5)["state"] == "done"
    assert applied
    of_city = {r["window_start"][:10] for r in ws.workspace.readings(MODEL, check="jensen_shannon", column="city")}
    assert sorted(of_city) == days(2)
    assert judged(ws) == days(4)


def test_no_more_runs_are_at_work_than_there_may_be(tmp_path: Path) -> None:
    other = PLAIN.replace("models.eta", "models.other")
    with tiny(tmp_path / "home", PLAIN + other) as ws:
        core = ws.workspace.core
        core.max_runs = 1
        mine, _ = runs._begin(core, MODEL, "anna", "manual")
        assert runs._has_slot(core, mine)
        second = ws.workspace.start_run("other")
        assert ws.workspace.runs("other")[0]["state"] == "running"
        assert core.runs["other"].slot is False
        view = ws.workspace.cancel_run("other")
        assert (view["run_id"], view["state"], view["windows_total"]) == (second["run_id"], "cancelled", None)
        mine.slot = False
        runs._work(core, mine, None, None)
        assert ws.workspace.run("other")[0]["state"] == "done"


def test_closing_a_home_ends_its_runs_after_the_present_windows(ws: Tiny, after_block: Any) -> None:
    ws.log_days(0, 4)
    ws.clock.now = LIVE + timedelta(days=4.5)
    reached = threading.Event()

    def hold() -> None:
        reached.set()
        ws.workspace.core.closing.wait(60)

    after_block(hold)
    ws.workspace.start_run(MODEL)
    assert reached.wait(60)
    ws.reopen()
    view = latest(ws)
    assert (view["state"], view["windows_done"]) == ("cancelled", 2)
    assert view["error"].startswith("the service was stopped")
    assert ws.run_at(4.5)["windows"] == 2


def test_blocks_grow_while_they_are_quick_and_shrink_when_they_are_not() -> None:
    assert monitoring.next_size(8, 0.1) == 16
    assert monitoring.next_size(8, 2.0) == 8
    assert monitoring.next_size(8, 30.0) == 4
    assert monitoring.next_size(1, 300.0) == 1
    assert monitoring.next_size(monitoring.LONGEST_BLOCK, 0.0) == monitoring.LONGEST_BLOCK


def test_old_runs_are_let_go_of_and_none_is_changed(ws: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.control_runs._KEPT", 6)
    for _ in range(5):
        ws.workspace.run(MODEL)
    assert len(ws.workspace.runs()) == 3
    with sqlite3.connect(ws.home / "control.db") as con, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        con.execute("UPDATE model_run SET state = 'done'")


# -- every so many rows ------------------------------------------------------------------------------------------------
def test_rows_that_came_since_the_latest_run_make_the_next_due(tmp_path: Path) -> None:
    by_rows = PLAIN.replace("multivariate", 'schedule = "every 150 rows"\nmultivariate')
    with tiny(tmp_path / "home", by_rows) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        core = ws.workspace.core
        ws.log_days(0, 2)
        assert timetable.due_by_rows(core) == []
        (entry,) = ws.workspace.schedule()
        assert (entry["note"], entry["next_run"]) == ("after 150 rows: 120 have come", None)
        ws.log_days(2, 1)
        assert timetable.due_by_rows(core) == [MODEL]
        ws.run_at(3.5)
        assert timetable.due_by_rows(core) == []
        ws.log_days(3, 1)
        assert timetable.rows_come(core, MODEL) == A_DAY
        ws.clock.now = LIVE + timedelta(days=4, hours=5)
        assert timetable.due_by_rows(core) == [], "the fourth day has its grace"
        ws.clock.now = LIVE + timedelta(days=4, hours=6)
        assert timetable.due_by_rows(core) == [MODEL], "a window has closed, though few rows came"


def test_a_workspace_that_nobody_schedules_says_so(ws: Tiny) -> None:
    (entry,) = ws.workspace.schedule()
    assert (entry["name"], entry["kind"], entry["late"], entry["last_state"]) == (MODEL, "monitor", False, None)
    ws.log_days(0, 1)
    ws.run_at(1.5)
    assert isinstance(ws.workspace, LocalWorkspace)
    (entry,) = ws.workspace.schedule()
    assert (entry["last_state"], entry["next_run"]) == ("ok", None)
