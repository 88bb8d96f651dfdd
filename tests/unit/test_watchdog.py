"""Driftdeck notices its own silence, and raises no false alarm at nights, at week-ends or after it was down itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitors.watch import Ended, broken, failing, late_since, stale
from service.local import watchdog
from service.local.sources import INTERRUPTED
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Tiny, rows, tiny

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)  # a Wednesday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


# -- pure --------------------------------------------------------------------------------------------------------------
def test_late_is_what_is_more_than_two_intervals_late() -> None:
    assert late_since("every 15m", "UTC", NOW, NOW + 44 * MINUTE) is None
    assert late_since("every 15m", "UTC", NOW, NOW + 45 * MINUTE) == NOW + 15 * MINUTE
    assert late_since("0 2 * * *", "UTC", NOW, NOW + 2 * DAY) is None
    assert late_since("0 2 * * *", "UTC", NOW, NOW + 3 * DAY) == NOW + 14 * HOUR
    assert late_since("0 2 * * mon-fri", "UTC", NOW + 2 * DAY, NOW + 5 * DAY) is None, "a week-end is not late"
    assert late_since("every 1s", "UTC", NOW, NOW + MINUTE) is None
    assert late_since("every 15m", "UTC", NOW + DAY, NOW) is None, "the clock was put back"


def test_a_monitor_is_broken_when_it_failed_twice_in_a_row() -> None:
    well, ill = Ended(NOW, well=True), Ended(NOW, well=False)
    assert not broken([])
    assert not broken([ill])
    assert not broken([ill, well, ill])
    assert broken([ill, ill, well])


def test_a_source_fails_at_once_only_where_its_next_time_is_far() -> None:
    well, ill = Ended(NOW, well=True), Ended(NOW, well=False)
    assert not failing([ill, well], "every 15m", "UTC")
    assert failing([ill, ill], "every 15m", "UTC")
    assert failing([ill, well], "0 2 * * *", "UTC")
    assert not failing([well, ill, ill], "0 2 * * *", "UTC")


def office_hours(weeks: int, every: timedelta = 15 * MINUTE) -> list[datetime]:
    """Return when something new came until Friday, 26 April 2024, 17:00: from nine to five on working days."""
    start = datetime(2024, 4, 26, 17, tzinfo=UTC) - weeks * 7 * DAY
    moments, at = [], start
    while at <= datetime(2024, 4, 26, 17, tzinfo=UTC):
        if at.weekday() < 5 and 9 <= at.hour < 17:
            moments.append(at)
        at += every
    return moments


def first_stale(arrivals: list[datetime], history: datetime) -> datetime:
    at = arrivals[-1]
    while not stale(arrivals, history, at):
        at += 15 * MINUTE
        assert at < arrivals[-1] + 30 * DAY
    return at


@pytest.mark.parametrize("weeks", [2, 3, 5])
def test_nights_and_week_ends_are_usual_and_monday_morning_is_not(weeks: int) -> None:
    come = office_hours(weeks)
    monday = datetime(2024, 4, 29, 9, tzinfo=UTC)
    assert monday < first_stale(come, come[0]) <= monday + HOUR
    tuesday = [*come, *(at + 7 * DAY for at in come if at.date() == datetime(2024, 4, 22, tzinfo=UTC).date())]
    until_ten = [at for at in tuesday if at <= datetime(2024, 4, 29, 10, tzinfo=UTC)]
    assert first_stale(until_ten, come[0]) <= datetime(2024, 4, 29, 11, 15, tzinfo=UTC)


def test_a_young_source_may_sleep_over_a_week_end() -> None:
    come = [at for at in office_hours(1) if at.date() == datetime(2024, 4, 26, tzinfo=UTC).date()]
    assert timedelta(days=3) < first_stale(come, come[0]) - come[-1] <= timedelta(days=3, hours=1)


@pytest.mark.parametrize("length", [DAY, 7 * DAY])
def test_what_comes_regularly_is_stale_after_three_gaps(length: timedelta) -> None:
    come = [NOW + length * number for number in range(6)]
    assert 3 * length <= first_stale(come, come[0]) - come[-1] <= 3 * length + length / 2


def test_once_stale_it_stays_so() -> None:
    come = office_hours(5)
    first = first_stale(come, come[0])
    assert all(stale(come, come[0], first + number * 3 * HOUR) for number in range(200))


def test_too_little_is_known_of_a_new_source() -> None:
    assert not stale([NOW, NOW + HOUR, NOW + 2 * HOUR], NOW, NOW + 300 * DAY)


# -- in a workspace ----------------------------------------------------------------------------------------------------
PLAIN = DECLARATION.replace('segments = ["city"]\n', "")
SOURCE = """
[sources.drop]
model = "eta"
read = "/nowhere/*.csv"
schedule = "0 2 * * *"
"""


class Watched:
    """A home whose scheduler is awake since a moment."""

    def __init__(self, ws: Tiny) -> None:
        self.ws, self.core = ws, ws.workspace.core
        self.awake: datetime | None = LIVE
        self.core.awake_since = lambda: self.awake

    def at(self, moment: datetime) -> list[tuple[str, str, str | None, str]]:
        """Look, and return the alerts about Driftdeck itself."""
        self.ws.clock.now = moment
        watchdog.look(self.core)
        return [
            (a["kind"], a["state"], row["source"], a["headline"])
            for a in self.ws.workspace.alerts(MODEL)
            if (row := self.core.control.alert(a["id"]))
        ]

    def source_run(self, at: datetime, state: str = "done", **given: Any) -> None:
        counts = {"rows": 5, "accepted": 5, "duplicates": 0, "rejected": 0, "position": None, "latest_event": None}
        times = {"started_at": at.isoformat(), "ended_at": at.isoformat(), "seconds": 1.0}
        run = {"run_id": f"{at}", "source": "drop", "state": state, "trigger": "schedule", "error": None}
        self.core.control.append_source_run(run | counts | times | given)

    def model_run(self, at: datetime, state: str = "done", error: str | None = None) -> None:
        counts = {"windows_done": 0, "windows_total": 0, "readings": 0, "rows": 0, "alerts_opened": 0}
        times = {"started_at": at.isoformat(), "ended_at": at.isoformat(), "seconds": 1.0}
        run = {"run_id": f"{at}", "model": MODEL, "state": state, "trigger": "schedule", "actor": "schedule"}
        self.core.control.append_model_run(run | counts | times | {"error": error})


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with tiny(tmp_path / "home", PLAIN + SOURCE) as ws:
        ws.workspace.reference(MODEL, rows(0, REFERENCE_DAYS))
        watched = Watched(ws)
        watched.source_run(LIVE)
        yield watched


LATE = "The monitor of eta did not run when it should have"


def test_a_monitor_that_does_not_run_is_told_once_and_is_over_when_it_ran(watched: Watched) -> None:
    watched.model_run(LIVE)
    assert watched.at(LIVE + 30 * MINUTE) == []
    for minutes in (46, 60, 90):
        assert watched.at(LIVE + minutes * MINUTE) == [("watchdog", "firing", None, LATE)]
    assert watched.ws.workspace.schedule()[0]["late"]
    watched.model_run(LIVE + 95 * MINUTE)
    assert watched.at(LIVE + 96 * MINUTE) == [("watchdog", "resolved", None, LATE)]
    (row,) = watched.core.control.alerts(MODEL)
    assert len(watched.core.control.alert(row["id"])["history"]) == 2


def test_no_alarm_while_nobody_was_there_and_none_before_it_has_caught_up(watched: Watched) -> None:
    watched.model_run(LIVE)
    watched.awake = None
    assert watched.at(LIVE + 3 * DAY) == [], "no scheduler: run by hand"
    watched.awake = LIVE + 3 * DAY
    assert watched.at(LIVE + 3 * DAY + 10 * MINUTE) == [], "it has only just begun"
    watched.core.catching_up.add(MODEL)
    assert watched.at(LIVE + 3 * DAY + 5 * HOUR) == [], "it catches up"
    watched.core.catching_up.clear()
    assert watched.at(LIVE + 3 * DAY + 5 * HOUR) == [("watchdog", "firing", None, LATE)]
    watched.awake = LIVE + 4 * DAY  # another start: what was wrong is not over for that
    assert watched.at(LIVE + 4 * DAY + MINUTE) == [("watchdog", "firing", None, LATE)]
    watched.model_run(LIVE + 4 * DAY + 2 * MINUTE)
    assert watched.at(LIVE + 4 * DAY + 3 * MINUTE) == [("watchdog", "resolved", None, LATE)]


def test_the_demos_clock_alarms_nobody(watched: Watched) -> None:
    watched.model_run(LIVE)
    watched.core.replayed = datetime(2013, 6, 1, tzinfo=UTC)
    assert watched.at(LIVE + 9 * DAY) == []


def test_a_monitor_that_fails_twice_is_told(watched: Watched) -> None:
    watched.model_run(LIVE, "failed", "OSError: disk")
    assert watched.at(LIVE + MINUTE) == []
    watched.model_run(LIVE + 15 * MINUTE, "lost", "killed")
    fails = "The monitor of eta fails"
    assert watched.at(LIVE + 16 * MINUTE) == [("watchdog", "firing", None, fails)]
    watched.model_run(LIVE + 30 * MINUTE, "cancelled")
    assert watched.at(LIVE + 31 * MINUTE) == [("watchdog", "firing", None, fails)]
    watched.model_run(LIVE + 45 * MINUTE)
    assert watched.at(LIVE + 46 * MINUTE) == [("watchdog", "resolved", None, fails)]


def test_a_source_that_fails_is_told_and_is_over_when_it_is_well(watched: Watched) -> None:
    watched.model_run(LIVE + DAY)
    watched.source_run(LIVE + DAY, "failed", error=INTERRUPTED[1])
    assert watched.at(LIVE + DAY + MINUTE) == [], "that the service was stopped is not its fault"
    watched.source_run(LIVE + DAY + 2 * MINUTE, "failed", error="no such file")
    fails = ("job", "firing", "drop", "Source drop fails")
    assert watched.at(LIVE + DAY + 3 * MINUTE) == [fails]
    watched.source_run(LIVE + DAY + 5 * MINUTE)
    assert watched.at(LIVE + DAY + 6 * MINUTE) == [("job", "resolved", *fails[2:])]


def test_a_source_that_nobody_reads_is_told_and_forgotten_with_its_declaration(watched: Watched) -> None:
    watched.model_run(LIVE + 3 * DAY)
    found = watched.at(LIVE + 3 * DAY)
    assert found == [("job", "firing", "drop", "Source drop was not read when it should have been")]
    watched.core.control.remove_declared("source", "drop")
    assert [state for _, state, *_ in watched.at(LIVE + 3 * DAY)] == ["resolved"]


def test_what_was_declared_a_minute_ago_is_not_late_however_long_the_service_has_run(watched: Watched) -> None:
    later = LIVE + 3 * DAY
    watched.model_run(later)
    watched.source_run(later)
    watched.ws.clock.now = later + HOUR
    second = SOURCE.replace("sources.drop", "sources.second").replace("0 2 * * *", "every 15m")
    often = PLAIN.replace('grace = "6h"', 'grace = "6h"\nschedule = "every 1m"')
    watched.ws.workspace.apply(often + SOURCE + second)
    assert watched.at(later + HOUR + 2 * MINUTE) == []
    assert [entry["name"] for entry in watched.ws.workspace.schedule() if entry["late"]] == []
    found = {source: headline for _, _, source, headline in watched.at(later + 2 * HOUR)}
    assert found == {None: LATE, "second": "Source second was not read when it should have been"}
    assert {entry["name"] for entry in watched.ws.workspace.schedule() if entry["late"]} == {MODEL, "second"}


def test_a_source_that_brings_nothing_new_is_told_until_something_comes(watched: Watched) -> None:
    for day in range(1, 8):
        watched.source_run(LIVE + day * DAY, latest_event=(LIVE + day * DAY).isoformat())
    dry = ("job", "firing", "drop", "Source drop brings nothing new")
    for day in range(8, 12):
        at = LIVE + day * DAY
        watched.model_run(at)
        watched.source_run(at, rows=0, latest_event=(LIVE + 7 * DAY).isoformat())
        assert watched.at(at + MINUTE) == ([dry] if day >= 10 else []), day
    watched.source_run(LIVE + 12 * DAY, latest_event=(LIVE + 12 * DAY).isoformat())
    watched.model_run(LIVE + 12 * DAY)
    assert watched.at(LIVE + 12 * DAY + MINUTE) == [("job", "resolved", *dry[2:])]


def test_a_training_that_failed_is_told_until_another_succeeds(watched: Watched) -> None:
    watched.model_run(LIVE)
    job = {"id": "j1", "model": MODEL, "kind": "retrain", "state": "failed", "error": "no label", "request_key": None}
    watched.core.control.append_job_event(job)
    assert watched.at(LIVE + MINUTE) == [("job", "firing", None, "A training of eta failed")]
    watched.core.control.append_job_event(job | {"id": "j2", "state": "running"})
    assert [state for _, state, *_ in watched.at(LIVE + 2 * MINUTE)] == ["firing"]
    watched.core.control.append_job_event(job | {"id": "j2", "state": "succeeded"})
    assert [state for _, state, *_ in watched.at(LIVE + 3 * MINUTE)] == ["resolved"]


def test_it_looks_no_more_often_than_it_need(watched: Watched) -> None:
    watched.model_run(LIVE)
    watched.ws.clock.now = LIVE + 5 * HOUR
    watchdog.watch(watched.core)
    (alert,) = watched.ws.workspace.alerts(MODEL)
    watched.model_run(LIVE + 5 * HOUR + MINUTE)
    watchdog.watch(watched.core)
    assert watched.ws.workspace.alert(alert["id"])["state"] == "firing"
    watched.core.watched -= watchdog.EVERY
    watchdog.watch(watched.core)
    assert watched.ws.workspace.alert(alert["id"])["state"] == "resolved"
