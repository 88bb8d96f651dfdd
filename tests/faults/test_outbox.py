"""kill -9 while messages are delivered: none is lost, and what is sent again carries the key that it had."""

import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType

import pytest

from tests.faults import outbox_victim
from tests.support.alert_home import alert_home
from tests.support.receivers import http_receiver

ALERTS = 500


@pytest.fixture(scope="module")
def forkserver() -> Iterator[BaseContext]:
    """Processes that have everything imported already when they start; see tests/faults/test_kill.py."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.outbox_victim"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield context


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["outbox.after_delivery=kill@120", "control.before_commit=kill@97", "control.after_commit=kill@150"]
)
def test_a_notifier_that_dies_after_sending_loses_nothing(forkserver: BaseContext, tmp_path: Path, fault: str) -> None:
    with http_receiver() as receiver:
        outbox_victim.prepare(tmp_path, receiver.url, ALERTS)
        deaths = 0
        while True:
            process = forkserver.Process(target=outbox_victim.main, args=(tmp_path, fault))  # type: ignore[attr-defined]
            process.start()
            process.join()
            if process.exitcode == 0:
                break
            assert process.exitcode == -signal.SIGKILL
            deaths += 1
        assert deaths >= 3
        with alert_home(tmp_path / "home") as home:
            assert set(home.states().values()) == {"sent"}
    times = Counter(receiver.keys())
    assert len(times) == ALERTS
    assert {request.document["data"]["id"] for request in receiver.seen} == {f"a{number}" for number in range(ALERTS)}
    assert max(times.values()) <= 2, "only what was under way at a death is sent again"
    assert sum(count - 1 for count in times.values()) <= deaths
