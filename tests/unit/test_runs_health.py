"""``/healthz`` notices a scheduler whose thread is gone and a database that is closed; a served workspace keeps its schedule."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from service.api.app import api_routes
from service.declaration_file import parse
from service.local import LocalWorkspace, runs
from service.scheduling import Schedules
from service.settings import Settings
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

PLAIN = DECLARATION.replace('segments = ["city"]\n', "")


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Tiny]:
    with tiny(tmp_path / "home", PLAIN) as opened:
        yield opened


def health(workspace: LocalWorkspace, schedules: Schedules) -> tuple[int, Any]:
    routes = api_routes(workspace, Settings(), {"scheduler": lambda: schedules.alive})
    answer = TestClient(Starlette(routes=routes)).get("/healthz")
    return answer.status_code, answer.json()


def wait(condition: Callable[[], object]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to be")


def test_a_dead_scheduler_is_noticed(ws: Tiny) -> None:
    with Schedules(ws.workspace, lambda: datetime.now(UTC)) as schedules:
        assert health(ws.workspace, schedules) == (200, {"ok": True, "scheduler": "ok", "stores": "ok"})
        assert ws.workspace.core.well()
        scheduler = schedules._scheduler
        scheduler._stopping.set()  # as if its thread had died
        assert scheduler._thread is not None
        scheduler._thread.join()
        scheduler._stopping.clear()
        assert health(ws.workspace, schedules) == (503, {"ok": False, "scheduler": "dead", "stores": "ok"})
        assert not ws.workspace.core.well(), "no heartbeat goes out"


def test_a_clock_that_nobody_looks_at_any_more_is_noticed(ws: Tiny) -> None:
    with Schedules(ws.workspace, lambda: datetime.now(UTC)) as schedules:
        with schedules._scheduler._lock:  # its thread hangs
            schedules._scheduler._looked -= 3600
            assert health(ws.workspace, schedules)[1]["scheduler"] == "dead"
        wait(lambda: health(ws.workspace, schedules)[0] == 200)


@pytest.mark.parametrize("store", ["db", "control"])
def test_a_closed_store_is_noticed(ws: Tiny, store: str) -> None:
    schedules = Schedules(ws.workspace, lambda: datetime.now(UTC))
    schedules._scheduler.start()
    try:
        getattr(ws.workspace.core, store).close()
        assert health(ws.workspace, schedules) == (503, {"ok": False, "scheduler": "ok", "stores": "dead"})
    finally:
        schedules._scheduler.stop()


@pytest.mark.slow
def test_what_was_due_while_nothing_ran_is_caught_up_at_the_start(ws: Tiny) -> None:
    ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
    ws.log_days(0, 2)
    ws.run_at(1.5)
    ws.clock.now = LIVE + timedelta(days=4.5)
    with Schedules(ws.workspace, ws.clock) as schedules:
        wait(lambda: len(ws.workspace.runs()) == 2 and ws.workspace.runs()[0]["state"] == "done")
        assert ws.workspace.core.awake_since() is not None
        (entry,) = ws.workspace.schedule()
        assert datetime.fromisoformat(str(entry["next_run"])) == schedules.next_run(MODEL)
    caught_up, first = ws.workspace.runs()
    assert (caught_up["trigger"], caught_up["actor"], caught_up["windows_done"]) == ("catch_up", "schedule", 3)
    assert first["trigger"] == "manual"
    assert ws.workspace.core.catching_up == set()
    with Schedules(ws.workspace, ws.clock):
        pass
    assert len(ws.workspace.runs()) == 2, "nothing was due"


def test_rows_that_come_set_a_model_going(tmp_path: Path) -> None:
    by_rows = PLAIN.replace("multivariate", 'schedule = "every 100 rows"\nmultivariate')
    with tiny(tmp_path / "home", by_rows) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        ws.clock.now = LIVE + timedelta(days=1)
        with Schedules(ws.workspace, ws.clock) as schedules:
            ws.log_days(0)
            schedules.tick("rows")
            assert ws.workspace.runs() == []
            ws.log_days(1)
            schedules.tick("rows")
            wait(lambda: ws.workspace.runs() and ws.workspace.runs()[0]["state"] == "done")
            assert ws.workspace.runs()[0]["trigger"] == "rows"


def test_what_is_declared_is_taken_up_without_its_text(ws: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fifty models with two hundred columns the text alone took a third of a second, every ten seconds."""
    declared = parse(ws.workspace.export(), None)
    written = Mock(side_effect=AssertionError("nobody reads that text"))
    monkeypatch.setattr(LocalWorkspace, "export", written)
    with Schedules(ws.workspace, ws.clock) as schedules:
        assert schedules.take_up() == declared
        assert schedules.next_run(MODEL) is not None
    written.assert_not_called()


def test_a_schedule_does_not_wait_for_a_run_by_hand(ws: Tiny) -> None:
    schedules = Schedules(ws.workspace, ws.clock)
    by_hand, _ = runs._begin(ws.workspace.core, MODEL, "anna", "manual")
    schedules.tick(f"model {MODEL}")
    assert [run["actor"] for run in ws.workspace.runs()] == ["anna"]
    runs._work(ws.workspace.core, by_hand, None, None)
    schedules.tick(f"model {MODEL}")
    assert [run["actor"] for run in ws.workspace.runs()] == ["schedule", "anna"]
