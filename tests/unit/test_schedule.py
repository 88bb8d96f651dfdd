"""The clock ticks when it should, never twice at once, and survives what a tick does."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitors.schedule import Scheduler, Timetable, missed, next_time, parse_schedule
from reference_data.section import parse_rows

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
    made = Scheduler(lambda: datetime.now(UTC), ticks)
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
    tick = scheduler.last_runs()["air_time"]
    assert tick.started_at <= tick.ended_at


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


# -- the table of times ------------------------------------------------------------------------------------------------
def test_rows_are_a_schedule_too() -> None:
    assert parse_rows("every 500 rows") == 500
    assert parse_rows("Every 10_000 rows") == 10_000
    assert parse_rows("every 15m") is None
    with pytest.raises(ValueError, match="every x rows"):
        parse_rows("every x rows")
    with pytest.raises(ValueError, match="write for example"):
        parse_rows("every 0 rows")


def test_what_was_slept_through_comes_once_and_late() -> None:
    table = Timetable()
    table.set({"a": ("*/15 * * * *", "UTC"), "b": ("0 2 * * *", "UTC")}, NOW)
    assert table.due(NOW) == []
    later = NOW + timedelta(days=3, minutes=1)
    assert sorted(table.due(later)) == ["a", "b"]
    assert table.due(later + timedelta(seconds=1)) == []
    assert table.times["a"] == NOW + timedelta(days=3, minutes=15)
    assert table.awake_since == later, "nobody looked in between"


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1)])
def test_a_clock_that_is_put_back_keeps_nothing_waiting(back: timedelta) -> None:
    table = Timetable()
    table.set({"a": ("every 15m", "UTC"), "b": ("0 * * * *", "UTC")}, NOW)
    table.due(NOW)
    put_back = NOW + timedelta(minutes=1) - back
    assert table.due(put_back) == []
    assert table.awake_since == put_back
    assert table.times["a"] == put_back + timedelta(minutes=15)
    assert table.times["b"] - put_back <= timedelta(hours=1)
    assert sorted(table.due(put_back + timedelta(hours=1))) == ["a", "b"]


def test_a_clock_that_is_corrected_by_a_moment_is_not_put_back() -> None:
    table = Timetable()
    table.set({"a": ("every 15m", "UTC")}, NOW)
    table.due(NOW)
    table.due(NOW - timedelta(milliseconds=500))
    assert table.awake_since == NOW


@pytest.mark.parametrize(
    ("schedule", "longest"),
    [("*/15 * * * *", timedelta(minutes=15)), ("30 2 * * *", timedelta(hours=25)), ("30 1 * * *", timedelta(hours=25))],
)
@pytest.mark.parametrize("around", [datetime(2024, 3, 9, tzinfo=UTC), datetime(2024, 11, 2, tzinfo=UTC)])
def test_summer_time_neither_skips_nor_stops_a_schedule(schedule: str, longest: timedelta, around: datetime) -> None:
    at = around
    while at < around + timedelta(days=3):
        following = next_time(schedule, "America/New_York", at)
        assert timedelta(0) < following - at <= longest
        at = following


def test_what_was_due_while_nothing_ran_is_missed() -> None:
    assert missed("0 2 * * *", "UTC", NOW, NOW + timedelta(hours=15))
    assert not missed("0 2 * * *", "UTC", NOW, NOW + timedelta(hours=13))
    assert missed("every 15m", "UTC", NOW, NOW + timedelta(minutes=15))
    assert not missed("every 15m", "UTC", NOW, NOW - timedelta(days=1)), "the clock was put back"


def test_a_clock_whose_thread_is_gone_is_dead(scheduler: Scheduler) -> None:
    scheduler.start()
    assert _alive(scheduler)
    thread = scheduler._thread
    assert thread is not None
    scheduler._stopping.set()
    thread.join()
    scheduler._stopping.clear()
    assert not _alive(scheduler)


def test_a_look_that_fails_does_not_end_the_looking() -> None:
    failures = iter([ZeroDivisionError(), OverflowError()])

    def now() -> datetime:
        if started and (error := next(failures, None)) is not None:
            raise error
        return datetime.now(UTC)

    started: list[bool] = []
    ticks = Ticks()
    scheduler = Scheduler(now, ticks)
    scheduler.set_jobs({"air_time": "every 1s"})
    started.append(True)
    scheduler.start()
    try:
        assert ticks.came.acquire(timeout=20)
        assert _alive(scheduler)
    finally:
        scheduler.stop()


def _by_the_minute(schedule: str, zone: str, start: datetime, end: datetime) -> set[datetime]:
    """Return when the clock on the wall shows what a plain cron line (numbers and ``*``) names, minute by minute."""
    fields = schedule.split()
    found, at = set(), start
    while at < end:
        local = at.astimezone(ZoneInfo(zone))
        shown = (local.minute, local.hour, local.day, local.month, local.isoweekday() % 7)
        if all(field in ("*", str(number)) for field, number in zip(fields, shown, strict=True)):
            found.add(at)
        at += timedelta(minutes=1)
    return found


@pytest.mark.parametrize("schedule", ["0 0 * * *", "30 0 * * *", "0 0 1 * *", "15 0 * * 1", "0 4 * * *", "0 0 * * 0"])
@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, tzinfo=UTC)),
        ("America/Santiago", datetime(2026, 9, 6, tzinfo=UTC)),
    ],
)
def test_no_night_and_no_month_is_left_out_when_clocks_are_put_forward(
    schedule: str, zone: str, around: datetime
) -> None:
    start, end = around - timedelta(days=10), around + timedelta(days=30)
    found, at = set(), start - timedelta(seconds=1)
    while (at := next_time(schedule, zone, at)) < end:
        found.add(at)
    expected = _by_the_minute(schedule, zone, start, end)
    assert expected <= found
    assert len(found - expected) <= 1, "what names an hour that there is not comes an hour later"
