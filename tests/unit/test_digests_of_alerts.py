"""Digests: what was not told at once, once a period, one after a long absence; and signs of life."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.local import digests
from tests.support.alert_home import START, AlertHome, alert_home, channel
from tests.support.receivers import HttpReceiver, http_receiver

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Iterator[AlertHome]:
    with alert_home(tmp_path / "home") as made:
        yield made


def keys(home: AlertHome) -> list[str]:
    return [item.id for item in home.core.control.outbox_items() if item.id.startswith("digest:")]


def groups(receiver: HttpReceiver) -> list[dict[str, list[str]]]:
    documents = [request.document["data"] for request in receiver.seen]
    return [data["alerts"] for data in documents if data["told"] == "digest"]


def test_a_daily_digest_tells_what_was_not_told_at_once(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=["page"], digest="daily", timezone="Europe/Berlin"))
    home.attend()
    opened, ended = home.fire(1, severity="notice"), home.fire(2)
    home.fire(3, severity="page")  # told at once
    home.fire(4, state="pending")
    home.fire(5, inhibited_by="a1")
    home.move(ended, "", state="resolved")
    home.attend()
    assert len(receiver.seen) == 1
    home.clock.now = datetime(2026, 3, 2, 8, 0, tzinfo=BERLIN)
    home.attend()
    home.attend()
    home.clock.forward(hours=3)
    home.attend()
    assert len(keys(home)) == 1
    assert groups(receiver) == [{"Opened": ["a1"], "Resolved": ["a2"]}]
    home.move(opened, "rise", severity="warning")
    home.clock.forward(days=1)
    home.attend()
    assert groups(receiver)[1:] == [{"Changed": ["a1"]}]
    assert (
        receiver.seen[-1]
        .document["body"]
        .startswith("What was not told at once, from 2026-03-02 08:00 CET to 2026-03-03 08:00 CET.")
    )


def test_when_nothing_happened_nothing_is_told(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=["page"], digest="daily"))
    home.fire(severity="notice")  # before the channel began to listen
    for _ in range(4):
        home.attend()
        home.clock.forward(days=1)
    assert keys(home) == []
    home.workspace.comment("a0", "looking at it")
    home.clock.forward(days=1)
    home.attend()
    assert keys(home) == []


def test_after_a_week_away_there_is_one_digest(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=[], digest="daily"))
    home.attend()
    home.fire()
    home.clock.forward(days=7)
    home.attend()
    home.attend()
    assert len(keys(home)) == 1
    assert keys(home)[0].startswith("digest:hook:2026-03-08T08:00:00")
    assert groups(receiver) == [{"Opened": ["a0"]}]


@pytest.mark.parametrize(
    ("schedule", "zone", "due"),
    [
        ("daily", "UTC", "2026-03-02T08:00:00+00:00"),
        ("daily", "America/New_York", "2026-03-02T08:00:00-05:00"),
        ("weekly", "UTC", "2026-03-02T08:00:00+00:00"),
        ("weekly", "Asia/Tokyo", "2026-03-09T08:00:00+09:00"),
        ("30 7 * * 5", "Europe/Berlin", "2026-03-06T07:30:00+01:00"),
    ],
)
def test_the_next_digest_is_known(home: AlertHome, schedule: str, zone: str, due: str) -> None:
    home.declare(channel("hook", "http://127.0.0.1:1/", digest=schedule, timezone=zone))
    (view,) = home.workspace.channels()
    assert (view["next_digest"], view["digest"]) == (due, schedule)


@pytest.mark.parametrize("schedule", ["daily", "weekly", "*/5 * * * *", "0 9 1 * *"])
@pytest.mark.parametrize("away", [timedelta(minutes=1), timedelta(hours=7), timedelta(days=3), timedelta(days=80)])
def test_the_latest_time_that_was_due_is_found(schedule: str, away: timedelta) -> None:
    trigger, found, at = digests._trigger(schedule, "Europe/Berlin"), None, START
    while (at := trigger.get_next_fire_time(None, at + timedelta(seconds=1))) <= START + away:
        found = at
    assert digests.latest_due(schedule, "Europe/Berlin", START, START + away) == found


def test_a_clock_that_is_put_back_tells_nothing_twice(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=[], digest="daily"))
    home.attend()
    home.fire(1)
    home.clock.forward(days=1)
    home.attend()
    home.clock.forward(days=-1)
    home.fire(2)
    for _ in range(30):
        home.clock.forward(hours=3)
        home.attend()
    assert sorted(found for group in groups(receiver) for found in group["Opened"]) == ["a1", "a2"]


def test_a_sign_of_life_is_sent_while_all_is_well(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("beat", receiver.url, heartbeat="5m", secret="plain-words"))
    for _ in range(12):
        home.attend()
        home.clock.forward(minutes=1)
    assert [request.method for request in receiver.seen] == ["GET"] * 3
    assert all("X-Driftdeck-Signature" in request.headers for request in receiver.seen)
    home.core.well = lambda: False
    home.clock.forward(minutes=10)
    home.attend()
    assert len(receiver.seen) == 3
    home.core.well = lambda: True
    home.clock.forward(days=-1)
    home.attend()
    assert len(receiver.seen) == 4
    assert home.core.control.outbox_items() == []


def test_a_sign_of_life_that_is_not_heard_is_seen_here(
    home: AlertHome, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT", "https://example.com/")
    home.declare(
        channel("beat", receiver.url, heartbeat="5m"),
        channel("chat", "${CHAT}", heartbeat="5m"),
    )
    receiver.status = 503
    monkeypatch.setenv("CHAT", f"json://127.0.0.1:{receiver.port}/")
    home.attend()
    errors = {view["name"]: str(view["last_error"]) for view in home.workspace.channels()}
    assert "answered 503" in errors["beat"]
    assert "only web addresses" in errors["chat"]
    assert "heartbeat of channel beat failed" in caplog.text
    assert "T0psecret" not in caplog.text
    receiver.status = 200
    home.clock.forward(minutes=5)
    home.attend()
    assert {view["name"]: view["last_error"] for view in home.workspace.channels()}["beat"] is None
    assert home.workspace.test_channel("beat")["ok"]
    assert receiver.seen[-1].method == "GET"


def test_a_clock_that_ran_ahead_and_was_put_back_loses_no_news(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=[], digest="daily", timezone="UTC"))
    home.attend()
    home.clock.forward(days=3)  # a step ahead
    home.fire(1)
    home.attend()
    home.fire(2)
    home.clock.forward(days=-3)
    home.attend()
    home.fire(3)
    for _ in range(4):
        home.clock.forward(days=1)
        home.fire(4 + len(receiver.seen))
        home.attend()
    told = [name for each in groups(receiver) for names in each.values() for name in names]
    assert sorted(set(told)) == ["a1", "a2", "a3", "a5", "a6", "a7", "a8"]
    assert len(told) == len(set(told))
