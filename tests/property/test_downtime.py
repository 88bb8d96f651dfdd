"""Whatever the clock and the process do, every window is judged once, by what is in it: downtime, clock steps, runs that are cut."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.local import monitoring
from service.scheduling import Schedules
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

pytestmark = pytest.mark.timeout(1200)  # seconds: every example is a home with many runs
DAYS = 7
TROUBLE = {3, 4}  # days on which distances are others
PLAIN = DECLARATION.replace('segments = ["city"]\n', "")
#: What depends on when rows came, and not on what they hold; so does the sequential test, which takes labels as they come.
OF_ARRIVAL = {"freshness"}

hours = st.integers(1, 48)
downtime = st.tuples(st.just("down"), st.integers(0, 7 * 24))
awake = st.tuples(st.just("awake"), hours)
step = st.tuples(st.just("step"), st.sampled_from([-24, -1, 1, 24]))


def bring(ws: Tiny, day: int) -> None:
    ws.log_days(day, shift=5.0 if day in TROUBLE else 0.0)


def values(ws: Tiny) -> dict[tuple[Any, ...], Any]:
    """Return what current readings say, by check, column and window; sums of other lengths round otherwise."""
    found: dict[tuple[Any, ...], Any] = {}
    for reading in ws.workspace.readings(MODEL):
        key = tuple(reading[name] for name in ("scope", "check", "column", "window_start", "model_version"))
        assert key not in found, "one current reading for each"
        value = reading["value"]
        if reading["scope"] != "sequence" and reading["check"] not in OF_ARRIVAL:
            found[key] = (reading["verdict"], None if value is None else round(value, 9), reading["n"])
    return found


def story(ws: Tiny) -> list[Any]:
    return sorted((a["kind"], a["severity"], a["window_start"], a["state"]) for a in ws.workspace.alerts(MODEL))


class World:
    """A home, a scheduler that a test drives, the time it really is, and how wrong the clock is about it."""

    def __init__(self, ws: Tiny) -> None:
        self.ws, self.true, self.wrong = ws, LIVE, timedelta()
        self.brought = 0
        self.schedules: Schedules | None = None

    def advance(self, hours: float) -> None:
        """Let time pass; every day's rows come at its end, whether anybody looks at them or not."""
        self.true += timedelta(hours=hours)
        self.ws.clock.now = self.true + self.wrong
        while self.brought < DAYS and self.true >= LIVE + timedelta(days=self.brought + 1):
            bring(self.ws, self.brought)
            self.brought += 1

    def look(self) -> None:
        """Let the scheduler look at the clock, and do what it finds due."""
        if self.schedules is None:
            self.schedules = Schedules(self.ws.workspace, self.ws.clock)
            self.schedules.take_up()
        self.schedules.pulse()
        self.wait()

    def wait(self) -> None:
        assert self.schedules is not None
        for _ in range(12_000):
            if not self.schedules._scheduler._running:
                return
            time.sleep(0.01)
        raise AssertionError("a tick never ended")

    def restart(self) -> None:
        """End the process, and begin another."""
        if self.schedules is not None:
            self.schedules._scheduler.stop()
            self.schedules = None
        self.ws.reopen()


@dataclass(frozen=True)
class Whole:
    """What one run of all days finds."""

    values: dict[Any, Any] = field(repr=False)
    story: list[Any] = field(repr=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with tiny(tmp_path_factory.mktemp("whole") / "home", PLAIN) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        for day in range(DAYS):
            bring(ws, day)
        assert ws.run_at(DAYS + 0.5)["windows"] == DAYS
        assert story(ws)
        yield Whole(values(ws), story(ws))


def after(events: list[tuple[str, int]]) -> Iterator[Tiny]:
    with TemporaryDirectory() as folder, tiny(Path(folder) / "home", PLAIN) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        world = World(ws)
        for kind, length in events:
            if kind == "down":
                world.restart()
                world.advance(length)
            elif kind == "step":
                world.wrong += timedelta(hours=length)
                world.advance(0)
            else:
                world.advance(length)
            world.look()
        world.wrong = timedelta()  # somebody has set the clock right
        world.advance((LIVE + timedelta(days=DAYS + 0.5) - world.true) / timedelta(hours=1))
        world.look()
        world.advance(0.5)
        world.look()
        assert world.schedules is not None
        world.schedules._scheduler.stop()
        assert {run["state"] for run in ws.workspace.runs(limit=500)} == {"done"}
        yield ws


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(downtime | awake, max_size=4))
def test_downtime_is_caught_up_as_if_it_had_not_been(events: list[tuple[str, int]], whole: Whole) -> None:
    """At most seven days pass: what lies behind them is the same in every order."""
    total = 0
    kept = [event for event in events if (total := total + event[1]) <= DAYS * 24]
    for ws in after(kept):
        assert values(ws) == whole.values
        assert story(ws) == whole.story


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(downtime | awake | step, max_size=5))
def test_no_step_of_the_clock_skips_or_doubles_a_window(events: list[tuple[str, int]], whole: Whole) -> None:
    """A clock that runs ahead may raise an alarm of its own (no rows of tomorrow have come): readings end up the same."""
    total = 0
    kept = [event for event in events if event[0] == "step" or (total := total + event[1]) <= DAYS * 24]
    for ws in after(kept):
        assert values(ws) == whole.values


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), cuts=st.sets(st.integers(0, 6), max_size=2))
def test_any_split_of_a_run_finds_the_same(sizes: list[int], cuts: set[int], whole: Whole) -> None:
    """Blocks of any lengths, some of them the last one of a run that is cancelled."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        lengths, blocks = iter(sizes * 99), iter(range(100))
        patch.setattr(monitoring, "FIRST_BLOCK", sizes[0])
        patch.setattr(monitoring, "next_size", lambda _size, _seconds: next(lengths))
        with tiny(Path(folder) / "home", PLAIN) as ws:
            ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
            for day in range(DAYS):
                bring(ws, day)

            def passed(name: str) -> None:
                if name == "run.after_block" and next(blocks) in cuts:
                    ws.workspace.core.runs[MODEL].cancelled_by = "test"

            patch.setattr(monitoring, "fault_point", passed)
            windows = [ws.run_at(DAYS + 0.5)["windows"] for _ in range(len(cuts) + 1)]
            assert sum(windows) == DAYS, "no window is judged twice"
            assert values(ws) == whole.values
            assert story(ws) == whole.story
