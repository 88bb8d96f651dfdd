"""Feeds of alerts and the calendar, as readers take them."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx
import pytest
from icalendar import Calendar
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from service.alert_views import DeclaredObject, ScheduleEntry
from service.api.app import api_routes
from service.calendar_feed import calendar
from service.feeds import LONGEST, as_atom, as_json, entry_id, feed
from service.security import Guard, policy
from service.settings import Settings
from service.views import AlertView
from tests.support.fake_workspace import FakeWorkspace

ATOM = {"a": "http://www.w3.org/2005/Atom"}
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)  # Europe puts its clocks forward on the 29th


@pytest.fixture
def client() -> Iterator[TestClient]:
    workspace = FakeWorkspace(until_week=52)
    settings = Settings(host="127.0.0.1", token="sesame", public_url="https://drift.example")
    app = Starlette(
        routes=api_routes(workspace, settings),
        middleware=[Middleware(Guard, policy=policy(settings, "local"))],
    )
    with TestClient(app, "http://127.0.0.1:8501", headers={"authorization": "Bearer sesame"}) as running:
        yield running


def alert(**changes: object) -> AlertView:
    found = next(each for each in FakeWorkspace(until_week=52).alerts() if each["state"] != "pending")
    return cast("AlertView", {**found, **changes})


def test_a_reader_without_headers_shows_the_token_as_password(client: TestClient) -> None:
    client.headers.pop("authorization")
    refused = client.get("/api/v1/feeds/alerts.atom")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert client.get("/api/v1/feeds/alerts.atom?token=sesame").status_code == 401  # addresses land in logs
    shown = client.get("/api/v1/feeds/alerts.atom", auth=httpx.BasicAuth("feed", "sesame"))
    assert shown.status_code == 200


def test_the_json_feed_is_one(client: TestClient) -> None:
    answer = client.get("/api/v1/feeds/alerts.json")
    assert answer.headers["content-type"].startswith("application/feed+json")
    found = answer.json()
    assert found["version"] == "https://jsonfeed.org/version/1.1"
    assert found["feed_url"] == "https://drift.example/api/v1/feeds/alerts.json"
    told = [each for each in FakeWorkspace(until_week=52).alerts() if each["state"] != "pending"]
    assert {item["id"] for item in found["items"]} == {entry_id(each["id"]) for each in told}
    assert len(found["items"]) == len(told) > 1
    modified = [datetime.fromisoformat(item["date_modified"]) for item in found["items"]]
    assert modified == sorted(modified, reverse=True)
    for item in found["items"]:
        assert item["url"] == f"https://drift.example/alert?alert={item['_driftdeck']['id']}"
        assert datetime.fromisoformat(item["date_published"]).tzinfo is not None


def test_the_atom_feed_has_what_the_standard_asks_for(client: TestClient) -> None:
    answer = client.get("/api/v1/feeds/alerts.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    root = ET.fromstring(answer.content)
    assert root.tag == "{http://www.w3.org/2005/Atom}feed"
    links = {link.get("rel"): link.get("href") for link in root.findall("a:link", ATOM)}
    assert links["self"] == "https://drift.example/api/v1/feeds/alerts.atom"
    entries = root.findall("a:entry", ATOM)
    ids = [entry.findtext("a:id", "", ATOM) for entry in entries]
    assert len(set(ids)) == len(ids) > 1
    for element in (root, *entries):
        assert all(element.findtext(f"a:{name}", "", ATOM) for name in ("id", "title", "updated"))
        assert datetime.fromisoformat(element.findtext("a:updated", "", ATOM)).tzinfo is not None
    assert root.findtext("a:updated", "", ATOM) == max(entry.findtext("a:updated", "", ATOM) for entry in entries)
    assert root.find("a:author/a:name", ATOM) is not None


def test_feeds_are_of_one_model_and_of_severities(client: TestClient) -> None:
    pages = client.get("/api/v1/feeds/alerts.json?severity=page").json()
    assert {item["_driftdeck"]["severity"] for item in pages["items"]} == {"page"}
    both = client.get("/api/v1/feeds/alerts.json?severity=page&severity=notice&model=air_time").json()
    assert {item["_driftdeck"]["severity"] for item in both["items"]} == {"page", "notice"}
    assert both["title"] == "Driftdeck: alerts of air_time (page, notice)"
    assert client.get("/api/v1/feeds/alerts.json?severity=loud").status_code == 422


@pytest.mark.parametrize("path", ["alerts.json", "alerts.atom", "schedule.ics"])
def test_a_reader_that_has_it_is_sent_nothing(client: TestClient, path: str) -> None:
    first = client.get(f"/api/v1/feeds/{path}")
    tag = first.headers["etag"]
    again = client.get(f"/api/v1/feeds/{path}", headers={"if-none-match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    changed = client.get(f"/api/v1/feeds/{path}", headers={"if-none-match": '"other"'})
    assert (changed.status_code, changed.content) == (200, first.content)


def test_a_reader_that_knows_only_the_time_is_sent_nothing_either(client: TestClient) -> None:
    when = client.get("/api/v1/feeds/alerts.atom").headers["last-modified"]
    assert client.get("/api/v1/feeds/alerts.atom", headers={"if-modified-since": when}).status_code == 304
    earlier = (parsedate_to_datetime(when) - timedelta(seconds=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert client.get("/api/v1/feeds/alerts.atom", headers={"if-modified-since": earlier}).status_code == 200
    assert client.get("/api/v1/feeds/alerts.atom", headers={"if-modified-since": "soon"}).status_code == 200


def test_an_entry_keeps_its_id_while_its_alert_changes() -> None:
    before, after = (
        json.loads(as_json(feed([alert(state=state, changed_at=at)], "https://d", "https://d/f", "")))["items"][0]
        for state, at in (("firing", "2026-01-01T00:00:00+00:00"), ("resolved", "2026-01-05T00:00:00+00:00"))
    )
    assert before["id"] == after["id"]
    assert before["date_modified"] < after["date_modified"]
    assert "resolved" in after["title"]


def test_names_from_strangers_break_no_feed() -> None:
    hostile = alert(model="\x00<b>\x1f]]>&\ud800", headline='"><script>\x0b', message="a\x00b\uffff", id='x"/><y &')
    found = feed([hostile], "https://d", "https://d/f?model=<&>\x01", " of <&>")
    root = ET.fromstring(as_atom(found))
    assert root.findtext("a:entry/a:title", "", ATOM).endswith(': "><script>\ufffd')
    assert root.findtext("a:entry/a:content", "", ATOM) == "a\ufffdb\ufffd"
    link = root.find("a:entry/a:link", ATOM)
    assert link is not None
    assert link.get("href") == "https://d/alert?alert=x%22%2F%3E%3Cy%20%26"
    assert json.loads(as_json(found))["items"][0]["title"].endswith('"><script>\x0b')


def test_a_feed_has_an_end_and_what_is_not_certain_is_no_news() -> None:
    many = [alert(id=str(number)) for number in range(LONGEST + 5)]
    assert len(feed(many, "https://d", "https://d/f", "").alerts) == LONGEST
    assert feed([alert(state="pending")], "https://d", "https://d/f", "").alerts == ()


# -- the calendar ------------------------------------------------------------------------------------------------------
def entry(schedule: str, **changes: Any) -> ScheduleEntry:
    base: dict[str, Any] = {
        "name": "eta", "kind": "monitor", "model": "eta", "schedule": schedule, "timezone": "Europe/Berlin",
        "next_run": "2026-03-28T02:30:00+01:00", "last_run": None, "last_state": None, "late": False, "note": "",
        "declared_in": "file",
    }  # fmt: skip
    return cast("ScheduleEntry", base | changes)


def maintenance(**values: object) -> DeclaredObject:
    return {
        "kind": "maintenance", "name": "night", "declared_in": "file", "actor": "cli", "changed_at": NOW.isoformat(),
        "values": values, "toml": "",
    }  # fmt: skip


def components(body: bytes) -> list[Any]:
    found: Any = Calendar.from_ical(body)
    return list(found.walk("VEVENT"))


def events(body: bytes) -> list[tuple[str, datetime]]:
    return [(str(each["summary"]), each["dtstart"].dt) for each in components(body)]


def test_a_nightly_run_keeps_its_hour_when_the_clocks_are_put_forward() -> None:
    body = calendar([entry("30 4 * * *", next_run="2026-03-28T04:30:00+01:00")], [], NOW, horizon=timedelta(days=3))
    times = [moment for _, moment in events(body)]
    assert [moment.strftime("%d %H:%M %z") for moment in times] == [
        "28 04:30 +0100",
        "29 04:30 +0200",
        "30 04:30 +0200",
    ]
    assert b"BEGIN:VTIMEZONE" in body
    assert b"TZID=Europe/Berlin" in body


def test_what_happens_often_is_there_once() -> None:
    often = calendar([entry("*/15 * * * *"), entry("every 1h", name="hourly")], [], NOW)
    assert len(events(often)) == 2
    assert b"*/15 * * * * (Europe/Berlin)" in often.replace(b"\r\n ", b"")


def test_what_waits_for_rows_or_comes_later_than_the_horizon_is_not_made_up() -> None:
    assert events(calendar([entry("every 500 rows", next_run=None)], [], NOW)) == []
    assert events(calendar([entry("0 4 1 1 *", next_run="2027-01-01T04:00:00+01:00")], [], NOW)) == []
    yearly = events(
        calendar([entry("0 4 1 1 *", next_run="2027-01-01T04:00:00+01:00")], [], NOW, horizon=timedelta(days=400))
    )
    assert len(yearly) == 1


def test_heartbeats_are_not_appointments() -> None:
    assert events(calendar([entry("every 6h", kind="heartbeat", name="outside")], [], NOW)) == []


def test_digests_come_by_the_clock_on_the_wall() -> None:
    digest = entry("weekly", kind="digest", name="team", next_run="2026-03-27T08:00:00+01:00")
    times = events(calendar([digest], [], datetime(2026, 3, 26, tzinfo=UTC), horizon=timedelta(days=9)))
    assert [(words, moment.isoformat()) for words, moment in times] == [
        ("digest to team", "2026-03-27T08:00:00+01:00"),
        ("digest to team", "2026-04-03T08:00:00+02:00"),
    ]


def test_maintenance_has_its_length_again_and_again_or_once() -> None:
    nightly = maintenance(schedule="0 2 * * *", lasts="90m", timezone="America/New_York")
    found = components(calendar([], [nightly], NOW, horizon=timedelta(days=2)))
    spans = [(each["dtstart"].dt.isoformat(), each["dtend"].dt - each["dtstart"].dt) for each in found]
    assert spans == [
        ("2026-03-28T02:00:00-04:00", timedelta(minutes=90)),
        ("2026-03-29T02:00:00-04:00", timedelta(minutes=90)),
    ]
    once = maintenance(starts="2026-04-01T00:00:00", ends="2026-04-01T06:00:00", timezone="Asia/Tokyo")
    assert [moment.isoformat() for _, moment in events(calendar([], [once], NOW))] == ["2026-04-01T00:00:00+09:00"]


def test_the_same_schedule_is_the_same_calendar_and_hostile_words_stay_words() -> None:
    hostile = entry("0 4 * * *", note="a;b,c\\\r\nEND:VCALENDAR\r\nX", next_run="2026-03-28T04:00:00+01:00")
    body = calendar([hostile], [], NOW)
    assert body == calendar([hostile], [], NOW)
    found = components(body)
    assert len(found) == 14
    assert len({str(each["uid"]) for each in found}) == 14
    assert body.count(b"\r\nEND:VCALENDAR") == 1
