"""What people read: the words, since when, how bad, the first cause, links; hostile names do nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from markdown_it import MarkdownIt

from monitors import messages
from monitors.channels import Message
from monitors.telling import Told
from monitors.types import Alert, AlertEvent, Cause
from reference_data.windows import Window

ZONE = ZoneInfo("America/New_York")
AT = datetime(2013, 6, 4, 12, tzinfo=UTC)
ALERT = Alert(
    id="abc",
    model="air_time",
    kind="concept_drift",
    severity="page",
    state="firing",
    column=None,
    segment="carrier=AA",
    window=Window(AT - timedelta(days=7), AT),
    opened_at=AT,
    changed_at=AT,
    significant=True,
    material=True,
    harmful=True,
    causes=(Cause(None, 0.9, "The same inputs now lead to other labels."),),
    members=("distance", "dest"),
    message="Mean absolute error 15.0 min against 8.05 in the reference.",
    headline="air_time predictions are 14.2 min too high",
    owner="ada@example.com",
    model_version="v1",
    runbook="https://wiki.example.com/air_time",
)
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "](http://evil.example)",
    "<http://evil.example|click>",
    "`code` **bold** _it_ ~~gone~~",
    "# heading",
    "1. list",
    "a\r\nBcc: all@example.com",
    "\u202egnp.exe\u202c",
    "@channel @everyone <!here> <@U123>",
    "&lt;b&gt;",
    '"><a href="javascript:alert(1)">x</a>',
    "{{7*7}} ${HOME} %s {0}",
]


def written(told: Told = "firing", alert: Alert = ALERT, base: str | None = "https://drift.example.com/") -> Message:
    event = AlertEvent(
        alert.id, AT, "resolved" if told == "resolved" else "firing", "driftdeck", "Quiet for 2 windows."
    )
    return messages.rendered(messages.alert_note(alert, event, told, ZONE), "key", base)


class Tags(HTMLParser):
    """Collects what a page would do."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_a_message_says_everything_that_is_asked_first() -> None:
    message = written()
    assert message.title == "Page: air_time predictions are 14.2 min too high"
    for text in (message.body, message.markdown.replace("\\", ""), message.html):
        for fact in (
            "Mean absolute error 15.0 min",
            "page",
            "2013-05-28 08:00 EDT",
            "harmful: performance suffers",
            "The same inputs now lead to other labels.",
            "ada@example.com",
            "https://wiki.example.com/air_time",
            "carrier=AA",
            "air_time v1",
        ):
            assert fact in text
    assert message.link == "https://drift.example.com/alert?alert=abc"
    assert message.picture_link == "https://drift.example.com/api/v1/alerts/abc/picture.png"
    assert Tags(message.html).links == ["https://wiki.example.com/air_time", message.link]


@pytest.mark.parametrize(
    ("told", "title", "words"),
    [
        ("firing", "Page: ", ""),
        ("came_back", "Page, came back: ", "It came back after it was resolved."),
        ("rose", "Page, graver than before: ", "It is graver than it was."),
        ("more", "Page, news: ", "There is more to it"),
        ("silence_over", "Page, silence over: ", "Its silence is over"),
        ("released", "Page, goes on by itself: ", "What brought it about is over"),
        ("still", "Page, still firing: ", "It still fires, and nobody has acknowledged it"),
        ("resolved", "Resolved: ", "Quiet for 2 windows."),
    ],
)
def test_each_occasion_has_its_words(told: Told, title: str, words: str) -> None:
    message = written(told)
    assert message.title == title + ALERT.headline
    assert message.body.startswith(words)
    assert message.severity == ("notice" if told == "resolved" else "page")


def test_without_an_address_there_are_no_links_of_ours() -> None:
    message = written(base=None)
    assert (message.link, message.picture_link) == (None, None)
    assert Tags(message.html).links == ["https://wiki.example.com/air_time"]
    bare = messages.alert_note(replace(ALERT, runbook=None), AlertEvent("abc", AT, "firing", "x", ""), "firing", ZONE)
    assert Tags(messages.rendered(bare, "k", None).html).links == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_nothing(name: str) -> None:
    hostile = replace(
        ALERT,
        headline=name,
        message=name,
        members=(name,),
        segment=name,
        owner=name,
        causes=(Cause(name, 1.0, name),),
        runbook=None,
    )
    message = written(alert=hostile)
    page = Tags(message.html)
    assert page.tags <= {"p", "b", "br", "a"}
    assert page.links == [message.link]
    shown = Tags(MarkdownIt("commonmark", {"html": True}).enable("strikethrough").render(message.markdown))
    assert shown.tags <= {"p", "ul", "li", "strong", "a"}
    assert shown.links == [message.link]
    for text in (message.title, message.body, message.markdown):
        assert "\u202e" not in text
        assert "\r" not in text
        assert "](http://evil" not in text
        assert "@channel" not in text
        assert "<!" not in message.markdown
    assert not {"\n", "<", ">"} & set(message.title)


def test_a_runbook_that_is_no_web_address_is_no_link() -> None:
    message = written(alert=replace(ALERT, runbook="javascript:alert(1)"))
    assert Tags(message.html).links == [message.link]
    assert "javascript" not in message.markdown + message.body


def test_what_is_very_long_is_cut() -> None:
    message = written(alert=replace(ALERT, headline="h" * 5000, message="m" * 50_000, members=("c" * 9000,)))
    assert len(message.title) <= 180
    assert len(message.body) < 3000


def test_a_digest_lists_what_became_of_alerts() -> None:
    others = [replace(ALERT, id=f"n{number}", severity="notice", headline=f"<{number}>") for number in range(40)]
    note = messages.digest_note(
        "team",
        {"Opened": others, "Resolved": [ALERT]},
        (AT - timedelta(days=1)).astimezone(ZONE),
        AT.astimezone(ZONE),
        {"air_time": ZONE},
    )
    message = messages.rendered(note, "key", "https://drift.example.com")
    assert message.title == "Digest: 41 alerts of air_time"
    assert "from 2013-06-03 08:00 EDT to 2013-06-04 08:00 EDT" in message.body
    assert "Opened (40):" in message.body
    assert "and 10 more" in message.body
    assert "- page · air_time: air_time predictions are 14.2 min too high" in message.body
    assert Tags(message.html).tags <= {"p", "b", "br", "a"}
    assert len(message.data["alerts"]["Opened"]) == 40
    assert message.picture_link is None


def test_messages_from_before_are_still_written_out() -> None:
    message = messages.rendered(
        {"title": "Page: x", "body": "It rose.", "severity": "page", "data": {"id": "a"}}, "k", None
    )
    assert (message.title, message.body) == ("Page: x", "It rose.")
