"""The week in one message: once, after its time, however long nobody was there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from reference_data.alerting import Channel
from service.declaration_file import DeclarationError, parse
from tests.support.alert_home import AlertHome, alert_home, channel
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


def told(receiver: HttpReceiver) -> list[dict[str, str]]:
    documents = [request.document["data"] for request in receiver.seen]
    return [data for data in documents if data["told"] == "summary"]


def test_the_week_that_is_over_is_told_on_monday_once(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=["page"], summary="weekly", timezone="Europe/Berlin"))
    home.attend()
    assert told(receiver) == []
    home.clock.now = datetime(2026, 3, 2, 7, 59, tzinfo=BERLIN)  # a Monday
    home.attend()
    assert told(receiver) == []
    home.clock.now = datetime(2026, 3, 2, 8, 0, tzinfo=BERLIN)
    home.attend()
    home.attend()
    home.clock.forward(days=3)
    home.attend()
    [data] = told(receiver)
    assert (data["since"], data["until"]) == ("2026-02-23T00:00:00+01:00", "2026-03-02T00:00:00+01:00")
    body = receiver.seen[-1].document["body"]
    assert body.startswith("No model needs anybody") or " need" in body


def test_after_a_long_absence_it_is_one_message_of_the_latest_week(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=["page"], summary="weekly", timezone="Europe/Berlin"))
    home.attend()
    home.clock.now = datetime(2026, 4, 1, 12, 0, tzinfo=BERLIN)
    home.attend()
    assert [data["until"] for data in told(receiver)] == ["2026-03-30T00:00:00+02:00"]


def test_a_channel_that_did_not_ask_is_not_told(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=["page"]))
    home.attend()
    home.clock.now = datetime(2026, 4, 1, 12, 0, tzinfo=BERLIN)
    home.attend()
    assert told(receiver) == []


def test_it_is_among_what_happens_by_itself(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, summary="weekly", timezone="Europe/Berlin"))
    [entry] = [each for each in home.workspace.schedule() if each["kind"] == "digest"]
    assert (entry["name"], entry["schedule"], entry["note"]) == ("hook", "weekly", "the week in one message")
    [view] = home.workspace.channels()
    assert view["summary"] == "weekly"


def test_a_time_that_is_not_understood_is_refused_with_what_is() -> None:
    with pytest.raises(DeclarationError, match=r"channels\.team\.summary.*'weekly' is understood too"):
        parse('[channels.team]\nurl = "json://127.0.0.1/x"\nsummary = "sometimes"\n', {})


def test_left_out_there_is_none() -> None:
    assert Channel(name="team", url="json://127.0.0.1/x").summary is None
