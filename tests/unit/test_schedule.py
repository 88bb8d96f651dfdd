"""The clock ticks when it should, never twice at once, and survives what a tick does."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from monitors.schedule import Scheduler, parse_schedule

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)  # a Wednesday


def _next(text: str, timezone: str = "UTC") -> datetime:
    return parse_schedule(text, timezone).get_next_fire_time(None, NOW).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("*/15 * * * *", NOW),
        ("1 * * * *", NOW + timedelta(minutes=1)),
        ("0 2 * * *", datetime(2024, 5, 2, 2, tzinfo=UTC)),
        ("0 2 * * 0", datetime(2024, 5, 5, 2, tzinfo=UTC)),
        ("0 2 * * 7", datetime(2024, 5, 5, 2, tzinfo=UTC)),
        ("0 2 * * 1", datetime(2024, 5, 6, 2, tzinfo=UTC)),
        ("0 2 * * mon-fri", datetime(2024, 5, 2, 2, tzinfo=UTC)),
        ("0 2 * * 5-7", datetime(2024, 5, 3, 2, tzinfo=UTC)),
        ("0 2 * * FRI-SUN", datetime(2024, 5, 3, 2, tzinfo=UTC)),
        ("0 2 * * 1/2", datetime(2024, 5, 3, 2, tzinfo=UTC)),
        ("0 2 15 * *", datetime(2024, 5, 15, 2, tzinfo=UTC)),
    ],
)
def test_cron_means_what_cron_means(text: str, due: datetime) -> None:
    assert _next(text) == due


def test_cron_is_read_in_the_time_zone_of_the_model() -> None:
    assert _next("0 2 * * *", "America/New_York") == datetime(2024, 5, 2, 6, tzinfo=UTC)


def test_intervals() -> None:
    trigger = parse_schedule("every 15m")
    first = trigger.get_next_fire_time(None, NOW)
    assert trigger.get_next_fire_time(first, first) - first == timedelta(minutes=15)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "* * * *",
        "61 * * * *",
        "0 2 * * 8",
        "0 2 * * 5-1",
        "0 0 30 2 *",
        "every",
        "every 0m",
        "every 5",
        "0 2 * * 1/0",
        "0 2 1 * 1",
        "every 999999999999999d",
        "every 400d",
        "0 2 * * mon#2",
    ],
)
def test_what_is_no_schedule_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="schedule") as caught:
        parse_schedule(text)
    assert repr(text) in str(caught.value)


class Ticks:
    """Counts ticks; a tick waits for ``gate`` and raises if told to."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.gate, self.came = threading.Event(), threading.Semaphore(0)
        self.gate.set()
        self.broken = False

    def __call__(self, name: str) -> None:
        self.names.append(name)
        self.came.release()
        self.gate.wait(20)
        if self.broken:
            raise RuntimeError("no such table")


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def scheduler(ticks: Ticks) -> Iterator[Scheduler]:
    made = Scheduler(lambda: NOW, ticks)
    yield made
    ticks.gate.set()
    made.stop()


def _settled(scheduler: Scheduler, name: str) -> None:
    for _ in range(2000):
        if name in scheduler.last_runs():
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{name} never ended")


def _alive(scheduler: Scheduler) -> bool:
    return scheduler.alive


def test_it_ticks_by_itself(scheduler: Scheduler, ticks: Ticks) -> None:
    scheduler.set_jobs({"air_time": "every 1s"})
    assert scheduler.next_runs() == {"air_time": None}
    assert not _alive(scheduler)
    scheduler.start()
    assert _alive(scheduler)
    assert ticks.came.acquire(timeout=20)
    due = scheduler.next_runs()["air_time"]
    assert due is not None
    assert due.utcoffset() == timedelta(0)
    scheduler.stop()
    scheduler.stop()
    assert not _alive(scheduler)


def test_a_job_runs_at_once_when_asked_but_never_twice_together(scheduler: Scheduler, ticks: Ticks) -> None:
    scheduler.set_jobs({"air_time": "0 0 1 1 *"})
    scheduler.start()
    ticks.gate.clear()
    assert scheduler.run_now("air_time")
    assert ticks.came.acquire(timeout=20)
    assert not scheduler.run_now("air_time")
    ticks.gate.set()
    _settled(scheduler, "air_time")
    assert ticks.names == ["air_time"]
    with pytest.raises(KeyError, match="no job 'other'; there are 'air_time'"):
        scheduler.run_now("other")


@pytest.mark.slow
def test_a_tick_that_fails_is_remembered_until_one_succeeds(scheduler: Scheduler, ticks: Ticks) -> None:
    scheduler.set_jobs({"air_time": "every 1s"})
    ticks.broken = True
    scheduler.start()
    _settled(scheduler, "air_time")
    assert scheduler.last_errors() == {"air_time": "RuntimeError: no such table"}
    ticks.broken = False
    before = len(ticks.names)
    for _ in range(2):  # the second of two further ticks has begun, so the first has ended
        assert ticks.came.acquire(timeout=20)
    while len(ticks.names) < before + 2:
        assert ticks.came.acquire(timeout=20)
    scheduler.stop()
    assert scheduler.last_errors() == {}
    assert scheduler.last_runs()["air_time"].started_at == NOW


def test_jobs_are_replaced_as_a_whole_or_not_at_all(scheduler: Scheduler) -> None:
    scheduler.set_jobs({"a": "every 1h", "b": "every 2h"})
    scheduler.start()
    before = scheduler.next_runs()
    with pytest.raises(ValueError, match="schedule 'nonsense'"):
        scheduler.set_jobs({"a": "every 3h", "c": "nonsense"})
    assert scheduler.next_runs() == before
    scheduler.set_jobs({"a": "every 1h", "c": "every 1h"})
    after = scheduler.next_runs()
    assert after.keys() == {"a", "c"}
    assert after["a"] == before["a"]  # an unchanged schedule does not start over
